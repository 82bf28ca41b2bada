//! The priorities of pools from the ConfigMap of the priority expander (aks-semantics SU-5).
//!
//! `data.priorities` is a mapping of whole numbers to lists of patterns, as YAML in its plain block or flow form. Patterns know what
//! [`Pattern`] knows; one that asks for more is left out, as is a line that is no pair.

use nodelane_model::{Key, Kind};
use nodelane_place::estimate::Pattern;
use nodelane_world::World;
use std::collections::BTreeMap;

/// The ConfigMap's name, in `kube-system`.
pub const CONFIG_MAP: &str = "cluster-autoscaler-priority-expander";

/// The priorities; `None` where there is no ConfigMap with any.
pub fn priorities(world: &World) -> Option<BTreeMap<i32, Vec<Pattern>>> {
    let doc = world.get(&Key::new(Kind::ConfigMap, "kube-system", CONFIG_MAP))?;
    let text = doc.as_opaque()?.get("data")?.get("priorities")?.as_str()?;
    Some(read(text)).filter(|priorities| !priorities.is_empty())
}

fn read(text: &str) -> BTreeMap<i32, Vec<Pattern>> {
    let mut priorities: BTreeMap<i32, Vec<Pattern>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut add = |priority: Option<i32>, patterns: &str| {
            let each = patterns.trim().trim_start_matches('[').trim_end_matches(']').split(',');
            let read = each.map(unquoted).filter(|pattern| !pattern.is_empty()).filter_map(Pattern::parse);
            if let Some(priority) = priority {
                priorities.entry(priority).or_default().extend(read);
            }
        };
        if let Some(pattern) = line.strip_prefix("- ") {
            add(current, pattern);
        } else if let Some((priority, rest)) = line.split_once(':') {
            current = unquoted(priority).parse().ok();
            add(current, rest);
        }
    }
    priorities
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_lists_in_brackets_are_read() {
        // The form of AKS's documentation, and the same in brackets.
        let block = "10:\n  - .*t2\\.large.*\n  - .*spot.*\n50:\n  - \".*m4.*\"\n";
        let read_block = read(block);
        assert_eq!(read_block.keys().copied().collect::<Vec<_>>(), [10, 50]);
        assert!(read_block[&50][0].is_found_in("aks-m4-1") && read_block[&10].iter().any(|pattern| pattern.is_found_in("aks-spot-1")));
        assert!(read("7: [\"^aks-a\", b]")[&7][1].is_found_in("xbx"));
        assert!(read("no numbers: [a]").is_empty());
    }
}
