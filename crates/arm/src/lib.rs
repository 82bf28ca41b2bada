//! The ARM contract without HTTP: which call a path is, bodies in and out, forms, errors.
//!
//! A request is [`route`]d to a [`Call`]; its body is merged with what is stored into a specification of the room `model`, whose rules
//! the room `engine` judges; documents become bodies, refusals become one of ARM's two envelopes. Wire spelling and AKS's sentences
//! are nowhere else.
//!
//! Pure: no HTTP types, no state, no clock. Limits on size and depth of a body are the server's.

pub mod account;
pub mod cluster;
pub mod errors;
mod etag;
mod fields;
mod id;
pub mod machine;
pub mod maintenance;
pub mod operation;
pub mod pool;
mod route;
pub mod version;

pub use errors::{Answer, ArmError};
pub use etag::{conditions, request_hash};
pub use id::{ClusterId, GroupId, PoolId};
pub use route::{Call, Method, route};
