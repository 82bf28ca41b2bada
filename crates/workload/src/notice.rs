//! Events of the workload controllers.
//!
//! A namespace that terminates takes no new events: they would keep it from ending. Of many alike in one pass the first
//! [`SIMILAR_LIMIT`] are written one by one and the rest as one, as client-go's correlator does.

use nodelane_model::event::Notice;
use nodelane_model::{Key, Kind, Name};
use nodelane_world::Draft;

/// client-go combines events that differ in the message only after ten.
const SIMILAR_LIMIT: usize = 10;

/// A controller's name and the object that it speaks about.
#[derive(Clone)]
pub(crate) struct Voice<'a> {
    pub(crate) about: &'a Key,
    pub(crate) component: &'static str,
}

impl Voice<'_> {
    /// Writes a normal event.
    pub(crate) fn say(&self, draft: &mut Draft, reason: &'static str, message: impl Into<Name>) {
        self.notify(draft, false, reason, message.into());
    }
    /// Writes a warning.
    pub(crate) fn warn(&self, draft: &mut Draft, reason: &'static str, message: impl Into<Name>) {
        self.notify(draft, true, reason, message.into());
    }
    /// Writes one event per name, the many combined.
    pub(crate) fn say_each(&self, draft: &mut Draft, reason: &'static str, prefix: &str, names: &[Name]) {
        for name in names.iter().take(SIMILAR_LIMIT) {
            self.say(draft, reason, format!("{prefix}{name}"));
        }
        if let Some(last) = names.get(SIMILAR_LIMIT..).and_then(|rest| rest.last()) {
            self.say(draft, reason, format!("(combined from similar events): {prefix}{last}"));
        }
    }
    fn notify(&self, draft: &mut Draft, warning: bool, reason: &'static str, message: Name) {
        if namespace_takes(draft, &self.about.namespace) {
            draft.notify(&Notice { about: self.about.clone(), warning, reason, message, component: self.component });
        }
    }
}

/// Whether new documents may be made in a namespace.
pub(crate) fn namespace_takes(draft: &Draft, namespace: &Name) -> bool {
    draft.world.get(&Key::global(Kind::Namespace, namespace.clone())).is_none_or(|doc| !doc.is_terminating())
}
