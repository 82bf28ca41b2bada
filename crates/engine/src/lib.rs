//! Decides, never acts: admit, plan, why.
