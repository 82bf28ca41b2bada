//! The answer for a terminal, for someone who reads it at three in the morning: the answer, what to do, then why.
//!
//! One fact a line, the best fix first with where it lands and what it costs. Nothing here is decided, and nothing is coloured.

use super::{Change, Explanation, Fix, Landed, PoolView, Refused};
use serde_json::Value;
use std::fmt::{self, Display, Write};

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.landed {
            Some(landed) => {
                writeln!(f, "{} runs on {}.", self.pod, landed.node)?;
                decided(f, landed)?;
            }
            None => {
                writeln!(f, "{} waits: {}", self.pod, self.headline())?;
                fixes(f, &self.fixes, self.event.is_some())?;
            }
        }
        writeln!(f, "\nPool by pool")?;
        let width = self.pools.iter().map(|pool| pool.pool.len()).max().unwrap_or(0).max("(none)".len());
        self.pools.iter().try_for_each(|pool| pool_lines(f, pool, width))?;
        if let (Some(event), None) = (&self.event, &self.landed) {
            writeln!(f, "\nkube-scheduler's words: {event}")?;
        }
        Ok(())
    }
}

impl Explanation {
    /// The most frequent reason in one line.
    fn headline(&self) -> String {
        let nodes: usize = self.pools.iter().map(|pool| pool.nodes).sum();
        let mut reasons: Vec<(usize, &str)> = Vec::new();
        for refused in self.pools.iter().flat_map(|pool| &pool.refusals) {
            match reasons.iter_mut().find(|(_, reason)| *reason == refused.reason) {
                Some((count, _)) => *count += refused.count,
                None => reasons.push((refused.count, &refused.reason)),
            }
        }
        reasons.sort_by_key(|(count, reason)| (std::cmp::Reverse(*count), *reason));
        let fits = self.fixes.iter().any(|fix| fix.changes.is_empty() && fix.lands.node.is_some());
        match reasons.first() {
            _ if fits => "a node has room for it, the scheduler has not come to it yet.".to_owned(),
            Some((count, reason)) => format!("{count} of {nodes} nodes: {reason}."),
            None => "there are no nodes.".to_owned(),
        }
    }
}

fn fixes(f: &mut fmt::Formatter<'_>, fixes: &[Fix], asks: bool) -> fmt::Result {
    match fixes {
        [] if asks => writeln!(f, "\nNo change that is known here lets it run: not up to three of them together."),
        [] => Ok(()),
        [first, others @ ..] => {
            writeln!(f, "\nDo this")?;
            fix_lines(f, first)?;
            if !others.is_empty() {
                writeln!(f, "Or one of these")?;
            }
            others.iter().try_for_each(|fix| fix_lines(f, fix))
        }
    }
}

fn fix_lines(f: &mut fmt::Formatter<'_>, fix: &Fix) -> fmt::Result {
    let mut to_do: Vec<String> = fix.changes.iter().map(sentence).collect();
    if to_do.is_empty() {
        to_do.push(match &fix.lands.node {
            Some(_) => "nothing: wait for the scheduler".to_owned(),
            None => format!("nothing: the autoscaler of pool {} may add a node", fix.lands.pool),
        });
    }
    let node = fix.lands.node.as_deref().unwrap_or("a new node");
    let price = match fix.price_per_hour {
        Some(0.0) => "costs nothing more".to_owned(),
        Some(price) => format!("${price:.3} an hour more"),
        None => "price not known".to_owned(),
    };
    let pool = if fix.lands.pool.is_empty() { String::new() } else { format!(" of pool {}", fix.lands.pool) };
    writeln!(f, "  - {}\n      it lands on {node}{pool}; {price}", to_do.join("\n    and "))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A change as an order.
fn sentence(change: &Change) -> String {
    let Change { kind, target, from, to } = change;
    let (from, shown) = (plain(from), plain(to));
    match *kind {
        "tolerateTaint" => format!("let the pod tolerate the taint {shown}"),
        "dropSelector" => format!("drop {target}={from} from the pod"),
        "dropAffinityTerm" => format!("drop {target} ({from}) from the pod"),
        "widenSelector" | "widenAffinityTerm" => format!("change {target} of the pod from {from} to {shown}"),
        "relaxSpread" | "lowerRequest" => format!("change {target} of the pod from {from} to {shown}"),
        "raiseCount" => format!("scale pool {target} from {from} to {shown} nodes: az aks nodepool scale -n {target} -c {shown}"),
        "raiseMax" => format!("raise the autoscaler's maximum of pool {target} from {from} to {shown}"),
        "startPool" => format!("start pool {target}: az aks nodepool start -n {target}"),
        "uncordonNode" => format!("uncordon node {target}: kubectl uncordon {target}"),
        "raiseQuota" => format!("raise the vCPU quota of {target} from {from} to {shown}"),
        _ => {
            let zone = to["zone"].as_str().map(|zone| format!(" in zone {zone}")).unwrap_or_default();
            format!("add pool {target} with one {}{zone}, without taints", plain(&to["size"]))
        }
    }
}

fn reasons(refusals: &[Refused]) -> String {
    let mut text = String::new();
    for refused in refusals {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{} {} ({})", refused.count, refused.reason, refused.plugin);
    }
    text
}

fn pool_lines(f: &mut fmt::Formatter<'_>, pool: &PoolView, width: usize) -> fmt::Result {
    let name = if pool.pool.is_empty() { "(none)" } else { &pool.pool };
    let fit = pool.nodes.saturating_sub(pool.refusals.iter().map(|refused| refused.count).max().unwrap_or(0));
    let nodes = format!("{} node{}", pool.nodes, if pool.nodes == 1 { "" } else { "s" });
    let said = match (pool.nodes, pool.refusals.is_empty()) {
        (0, _) => "no nodes".to_owned(),
        (_, true) => format!("{nodes}, room for it"),
        (_, false) if fit > 0 && pool.refusals.len() == 1 => format!("{nodes}, {fit} with room for it: {}", reasons(&pool.refusals)),
        (_, false) => format!("{nodes}: {}", reasons(&pool.refusals)),
    };
    writeln!(f, "  {name:width$}  {said}")?;
    match &pool.new_node {
        Some(new) if new.fits => writeln!(f, "  {:width$}  a new node would fit", "")?,
        Some(new) => writeln!(f, "  {:width$}  a new node would not: {}", "", reasons(&new.refusals))?,
        None => {}
    }
    pool.limits.iter().try_for_each(|limit| writeln!(f, "  {:width$}  limit: {limit}", ""))
}

/// What decided between the best nodes, as scores are now.
fn decided(f: &mut fmt::Formatter<'_>, landed: &Landed) -> fmt::Result {
    let total = |node: &String| landed.scores.get(node).and_then(|scores| scores.get("total")).copied().unwrap_or(0);
    match &landed.feasible[..] {
        [] => return writeln!(f, "As things are now it would fit nowhere, its own node included."),
        [only] => return writeln!(f, "As things are now it fits {only} and no other node."),
        [best, second, ..] => {
            writeln!(
                f,
                "As things are now {} nodes fit; {best} scores {}, {second} {}.",
                landed.feasible.len(),
                total(best),
                total(second)
            )?;
            let score = |node: &String, plugin: &str| landed.scores.get(node).and_then(|scores| scores.get(plugin)).copied().unwrap_or(0);
            let plugins = landed.scores.values().next().into_iter().flat_map(|scores| scores.keys()).filter(|plugin| **plugin != "total");
            let ahead = plugins.map(|plugin| (score(best, plugin) - score(second, plugin), *plugin)).max();
            match ahead.filter(|(by, _)| *by > 0) {
                Some((by, plugin)) => writeln!(f, "{plugin} decides: {best} is ahead by {by}.")?,
                None => writeln!(f, "They tie: the first by name is taken here, any by kube-scheduler.")?,
            }
            if !landed.feasible.contains(&landed.node) {
                writeln!(f, "Its own node would refuse it now.")?;
            }
        }
    }
    writeln!(f, "\nScores")?;
    landed.feasible.iter().take(5).try_for_each(|node| {
        let parts = landed.scores.get(node).into_iter().flatten().filter(|(plugin, score)| **plugin != "total" && **score != 0);
        let parts: Vec<String> = parts.map(|(plugin, score)| format!("{plugin} {score}")).collect();
        writeln!(f, "  {node}: {} = {}", total(node), parts.join(" + "))
    })
}
