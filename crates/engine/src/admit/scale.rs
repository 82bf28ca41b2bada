//! More or fewer machines.
//!
//! The direction is taken from what lives, so that a scale that failed half-way goes on from there. Which machines go is chosen by the
//! planner; a caller who wants to choose deletes machines by name.

use nodelane_model::operation::{Progress, ScalePhase};

/// The operation that brings a pool from one number of machines to another.
pub(super) fn towards(from: u32, to: u32) -> Progress {
    match to >= from {
        true => Progress::Scale(ScalePhase::Provisioning),
        false => Progress::Scale(ScalePhase::Draining),
    }
}
