//! One file of trusted certificates: the machine's public roots, so that other tools of the same shell keep working,
//! and our authority.
//!
//! Invariant: never our authority alone while the machine has roots somewhere we know of. The certificates are not
//! looked into: the machine's administrator chose them.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::ClientEnvironment;
use nodelane_server::files;

/// A name by which a bundle of ours is recognised, whichever data directory it belongs to.
pub(super) const FILE_NAME: &str = "nodelane-ca-bundle.pem";

/// Where the families of systems keep their roots: Debian and Alpine, Fedora, openSUSE, macOS and BSD.
const PUBLIC_ROOTS: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// Writes the bundle. `inherited` is the bundle that the shell had before, unless that was one of ours.
pub(super) fn write(client: &ClientEnvironment, inherited: Option<&Path>) -> Result<()> {
    let inherited = inherited.filter(|path| path.file_name().is_none_or(|name| name != FILE_NAME));
    let public = inherited.into_iter().chain(PUBLIC_ROOTS.map(Path::new)).find_map(|path| fs::read(path).ok());
    let mut bundle = public.unwrap_or_default();
    if bundle.last().is_some_and(|&byte| byte != b'\n') {
        bundle.push(b'\n');
    }
    bundle.extend_from_slice(client.ca_pem.as_bytes());
    Ok(files::write_atomic(&client.ca_bundle(), &bundle, files::PUBLIC)?)
}
