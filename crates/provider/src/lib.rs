//! The backend trait, its typed errors, the contract every backend passes.
