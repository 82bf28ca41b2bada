//! TLS of all listeners: rustls 1.2 and 1.3, a leaf certificate of our own authority, renewed while serving.
//!
//! Invariants: one authority per data directory, never shared; a leaf lives 90 days at most, its key is never on
//! disk, and it is replaced when less than a third of that is left; connections that stand are not touched.
//! Client certificates are not accepted: callers have bearer tokens.

mod authority;
mod leaf;

pub use authority::{Authority, TlsError};
pub use leaf::{LeafResolver, keep_fresh};

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;

/// The settings that every listener shares.
pub fn server_config(resolver: Arc<LeafResolver>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("ring has both versions")
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

#[cfg(test)]
mod tests;
