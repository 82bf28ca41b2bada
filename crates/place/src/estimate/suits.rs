//! Whether a pod could go on a machine of a template, as far as labels and taints say.
//!
//! For callers that want to exchange one machine of an answer for another. Rules about other pods, and room, are not looked at.

use super::Template;
use crate::filter;
use crate::filter::node_affinity::Named;
use crate::profile::Profile;
use nodelane_model::Doc;
use nodelane_world::World;
use std::sync::Arc;

/// Whether labels and taints of a template let a pod in.
pub fn suits(template: &Template, pod: &Doc) -> bool {
    let Some(class) = World::new(0).class(pod) else { return false };
    let profile = Profile::new(class, None, None, Arc::default());
    filter::lasting(&profile, &Named::by(&profile), &template.row).is_none()
}
