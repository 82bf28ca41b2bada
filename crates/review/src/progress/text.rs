//! Progress for a terminal: a line for the operation and a table of its nodes.
//!
//! Times are told as how long ago or how long from now, as kubectl tells ages. Same progress, same time, same text.

use super::{NodeProgress, PoolProgress};
use nodelane_model::Time;
use std::fmt::Write;

const HEAD: [&str; 7] = ["NODE", "VERSION", "IMAGE", "PHASE", "FOR", "BLOCKED BY", "DONE IN"];

impl PoolProgress {
    /// The line of the operation.
    pub fn headline(&self, now: Time) -> String {
        let mut line = format!("{}: {} {}, {} of {} nodes have {}", self.pool, self.state, self.phase, self.done, self.total, self.version);
        match (&self.ended, self.eta) {
            (Some(ended), _) => {
                let _ = write!(line, "; ended {} ago after {}", span(ended.at, now), span(self.started, ended.at));
            }
            (None, Some(eta)) => {
                let _ = write!(line, "; should end in {}", span(now, eta));
            }
            (None, None) => {
                let _ = write!(line, "; began {} ago", span(self.started, now));
            }
        }
        if self.ignores_budgets {
            line.push_str("; passes over budgets");
        }
        for fallback in &self.fallbacks {
            let way = if fallback.surge > 0 { format!("a surge of {}", fallback.surge) } else { "in place".to_owned() };
            let _ = write!(line, "\n  {} ago no surge machine was to be had ({}): {way}", span(fallback.at, now), fallback.because);
        }
        if let Some(error) = self.ended.as_ref().and_then(|ended| ended.error.as_ref()) {
            let _ = write!(line, "\n  {}: {}", error.code, error.message);
        }
        line
    }

    /// The line and the table.
    pub fn text(&self, now: Time) -> String {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(self.nodes.iter().map(|node| row(node, now)));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
        let mut text = self.headline(now) + "\n";
        for row in &rows {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

fn row(node: &NodeProgress, now: Time) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let blocked = node.blocked_by.as_ref().map(|by| {
        let owner = by.owner.as_ref().map(|owner| format!(", {} ({})", owner.name, owner.from)).unwrap_or_default();
        format!("{} under {} for {}{owner}", by.pod, by.budget, span(by.since, now))
    });
    let eta = match (node.eta, node.gives_up.filter(|_| node.blocked_by.is_some())) {
        (Some(eta), _) => Some(span(now, eta)),
        (None, Some(gives_up)) => Some(format!("gives up in {}", span(now, gives_up))),
        (None, None) => None,
    };
    let extra = if node.extra { " (extra)" } else { "" };
    [
        format!("{}{extra}", node.node),
        or_dash(node.version.as_ref().map(ToString::to_string)),
        or_dash(node.image.as_ref().map(ToString::to_string)),
        format!("{:?}", node.phase),
        span(node.since, now),
        or_dash(blocked),
        or_dash(eta),
    ]
}

/// A length of time in its two largest units: `45s`, `3m20s`, `2h5m`, `3d4h`.
fn span(from: Time, to: Time) -> String {
    let seconds = to.since(from).max(0) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, _, _) => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_their_two_largest_units() {
        let told = |seconds: i64| span(Time(0), Time(seconds * 1000));
        assert_eq!([told(0), told(59), told(200), told(7500), told(273_600)], ["0s", "59s", "3m20s", "2h5m", "3d4h"]);
        assert_eq!(span(Time(5_000), Time(0)), "0s", "clocks differ");
    }
}
