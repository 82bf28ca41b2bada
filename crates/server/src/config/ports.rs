//! Binding a port on 127.0.0.1: the one that is kept, else the first free one.
//!
//! Nothing here can bind another address (security T2). A kept port that is taken is an error and not a move,
//! because clients have it in their files.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use super::ConfigError;

/// Ports tried from the customary one on, before the system picks any: a dozen data directories of one machine get
/// neighbouring ports, and scanning costs about 100 x 10 us.
const TRIED: u16 = 100;

/// Binds `kept`, or the first free port of `first..first + 100`, or any. Returns the listener and its port.
pub(super) fn bind(kept: Option<u16>, first: u16, purpose: &str) -> Result<(TcpListener, u16), ConfigError> {
    let bound = match kept {
        Some(port) => loopback(port),
        None => (first..first + TRIED).find_map(|port| loopback(port).ok()).map_or_else(|| loopback(0), Ok),
    };
    bound.and_then(|listener| listener.local_addr().map(|address| (listener, address.port()))).map_err(|source| ConfigError::Port {
        port: kept.unwrap_or(first),
        purpose: purpose.to_owned(),
        source,
    })
}

fn loopback(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}
