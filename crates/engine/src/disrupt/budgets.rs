//! How many of a pool's nodes may be taken at once, by reason: a mark of the pool, beyond what AKS has.
//!
//! `upgrade=2,scale-down=10%,repair=1`: a number, or a share of the pool's machines rounded up; `nodes` bounds all reasons together, 0
//! takes none. Not here: who counts as taken.

use crate::marks::{DISRUPTION_BUDGETS, mark};
use nodelane_model::Name;
use nodelane_model::budget::IntOrPercent;
use std::collections::BTreeMap;

/// Why a node is taken from its users.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Disruption {
    /// It gets another version.
    Upgrade,
    /// It gets another image of the version that it has.
    Drift,
    /// It is not needed.
    ScaleDown,
    /// It is broken.
    Repair,
}

impl Disruption {
    /// All, as the mark spells them.
    pub const ALL: [(&'static str, Disruption); 4] = [
        ("upgrade", Disruption::Upgrade),
        ("drift", Disruption::Drift),
        ("scale-down", Disruption::ScaleDown),
        ("repair", Disruption::Repair),
    ];
    /// Its word.
    pub fn word(self) -> &'static str {
        Disruption::ALL.iter().find(|(_, reason)| *reason == self).map_or("", |(word, _)| word)
    }
}

/// What a pool's or cluster's mark says; absent parts bound nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Budgets {
    by_reason: BTreeMap<Disruption, IntOrPercent>,
    /// All reasons together.
    pub nodes: Option<IntOrPercent>,
}

/// The form of the mark, for people.
pub const FORM: &str = "parts such as upgrade=2,drift=1,scale-down=10%,repair=1,nodes=3: a count, or a share of the pool's nodes";

impl Budgets {
    /// Reads the mark among tags; the part that is wrong, if one is.
    pub fn of(tags: &BTreeMap<Name, Name>) -> Result<Budgets, String> {
        let mut budgets = Budgets::default();
        for part in mark(tags, DISRUPTION_BUDGETS).unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (word, most) = part.split_once('=').ok_or_else(|| part.to_owned())?;
            let most = IntOrPercent::parse(most.trim()).filter(|most| most.scaled_up(100) >= 0).ok_or_else(|| part.to_owned())?;
            match (word.trim(), Disruption::ALL.iter().find(|(known, _)| *known == word.trim())) {
                (_, Some((_, reason))) => drop(budgets.by_reason.insert(*reason, most)),
                ("nodes", None) => budgets.nodes = Some(most),
                (_, None) => return Err(part.to_owned()),
            }
        }
        Ok(budgets)
    }
    /// Most nodes that a reason may take at once.
    pub fn most(&self, reason: Disruption) -> Option<&IntOrPercent> {
        self.by_reason.get(&reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_part_by_part_and_a_wrong_part_is_named() {
        let read = |text: &str| Budgets::of(&BTreeMap::from([("Nodelane-Disruption-Budgets".into(), text.into())]));
        let budgets = read(" upgrade=2, scale-down=10%,nodes=3 ,").unwrap();
        assert_eq!(budgets.most(Disruption::Upgrade), Some(&IntOrPercent::Int(2)));
        assert_eq!(budgets.most(Disruption::ScaleDown).map(|most| most.scaled_up(25)), Some(3));
        assert_eq!((budgets.nodes.is_some(), budgets.most(Disruption::Repair)), (true, None));
        assert_eq!(read(""), Ok(Budgets::default()));
        for (text, part) in [("upgrade", "upgrade"), ("upgrade=2,x=1", "x=1"), ("repair=-1", "repair=-1"), ("drift=few", "drift=few")] {
            assert_eq!(read(text), Err(part.to_owned()));
        }
    }
}
