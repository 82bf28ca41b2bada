//! The live process: driver, clock, TLS, credentials, and the edge through which every request comes in.
//!
//! Invariants: listeners are bound to 127.0.0.1 only; every request passes `guard`, then either an
//! unauthenticated identity route or `credentials`; only then does a handler of ARM or Kubernetes see it.
//! Domain logic is deliberately not here.

pub mod clock;
pub mod config;
pub mod credentials;
pub mod driver;
pub mod files;
pub mod guard;
pub mod http;
pub mod identity;
pub mod process;
pub mod tls;

pub use nodelane_sim::BootProfile;
