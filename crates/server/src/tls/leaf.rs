//! The leaf certificate that handshakes get, replaced while the server runs.
//!
//! Invariants: a handshake reads one pointer and never waits; a replacement concerns new handshakes only.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::authority::{Authority, LEAF_SECONDS, TlsError};
use crate::clock;

/// Hours are fine enough for a certificate that is renewed 30 days before its end.
const CHECK_EVERY: Duration = Duration::from_secs(3_600);

struct Leaf {
    key: Arc<CertifiedKey>,
    end_unix_seconds: u64,
}

/// Hands the current leaf to every handshake.
pub struct LeafResolver {
    authority: Authority,
    current: ArcSwap<Leaf>,
}

impl LeafResolver {
    /// With a leaf that starts now.
    pub fn new(authority: Authority, now_unix_seconds: u64) -> Result<Self, TlsError> {
        let leaf = issue(&authority, now_unix_seconds)?;
        Ok(Self { authority, current: ArcSwap::from_pointee(leaf) })
    }

    /// The authority behind it.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What a handshake gets now.
    pub fn current(&self) -> Arc<CertifiedKey> {
        self.current.load().key.clone()
    }

    /// Replaces the leaf when less than a third of its life is left. Returns whether it did.
    pub fn refresh(&self, now_unix_seconds: u64) -> Result<bool, TlsError> {
        let due = now_unix_seconds + LEAF_SECONDS / 3 > self.current.load().end_unix_seconds;
        if due {
            self.rotate(now_unix_seconds)?;
        }
        Ok(due)
    }

    /// Replaces the leaf now.
    pub fn rotate(&self, now_unix_seconds: u64) -> Result<(), TlsError> {
        self.current.store(issue(&self.authority, now_unix_seconds)?.into());
        Ok(())
    }
}

fn issue(authority: &Authority, now: u64) -> Result<Leaf, TlsError> {
    let (key, end_unix_seconds) = authority.issue(now)?;
    Ok(Leaf { key: key.into(), end_unix_seconds })
}

impl std::fmt::Debug for LeafResolver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LeafResolver")
    }
}

impl ResolvesServerCert for LeafResolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// Renews the leaf in time, and at once on SIGHUP, until `shutdown` turns true or its sender is gone. A failure is tried again
/// an hour later; 720 such tries fit before the old leaf ends.
pub async fn keep_fresh(resolver: Arc<LeafResolver>, mut shutdown: watch::Receiver<bool>) {
    let mut hangup = signal(SignalKind::hangup()).ok();
    let hung_up = async |hangup: &mut Option<Signal>| match hangup {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    };
    loop {
        let _ = tokio::select! {
            _ = shutdown.wait_for(|down| *down) => return,
            () = hung_up(&mut hangup) => resolver.rotate(clock::unix_seconds()),
            () = tokio::time::sleep(CHECK_EVERY) => resolver.refresh(clock::unix_seconds()).map(|_| ()),
        };
    }
}
