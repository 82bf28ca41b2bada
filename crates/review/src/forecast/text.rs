//! A forecast for a terminal at 3 a.m.: the verdict first, then what stands in the way, then the numbers, then the command.
//!
//! Same forecast, same text. [`first_words`] is what is known before anything has run.

use super::{BudgetView, Forecast, Minutes, Names, Refused, Verdict, Warning};
use std::fmt::Write;

/// Rows of a kind that are shown.
const ROWS: usize = 8;

/// The verdict, the price now and the budgets without slack.
pub fn first_words(refusal: Option<&Refused>, dollars_per_hour: f64, tight: &[BudgetView]) -> String {
    let mut text = match refusal {
        None => "ACCEPTED: the service would begin.\n".to_owned(),
        Some(Refused { code, message }) => {
            let code = code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
            format!("REFUSED  {code}{message}\n")
        }
    };
    let _ = writeln!(text, "Price     ${dollars_per_hour:.2} an hour now");
    budgets(&mut text, tight);
    text
}

impl Forecast {
    /// What follows the first words.
    pub fn rest_of_text(&self) -> String {
        let mut text = String::new();
        if self.verdict == Verdict::Accepted {
            self.run(&mut text);
        }
        for Warning { subject, message, .. } in self.warnings.iter().take(ROWS) {
            let _ = writeln!(text, "Warning   {subject}: {message}");
        }
        more(&mut text, self.warnings.len());
        let _ = writeln!(text, "Run       {}", self.command);
        text
    }

    fn run(&self, text: &mut String) {
        let (machines, price, outcomes) = (&self.machines, &self.price_per_hour, &self.outcomes);
        if let Minutes { p50: Some(p50), p95: Some(p95) } = self.minutes {
            let _ = writeln!(text, "Time      {p50} min, at worst {p95} min (p50, p95 of {} runs)", outcomes.runs);
        }
        if outcomes.failed + outcomes.unfinished > 0 {
            let _ = write!(text, "Ends      {} of {} runs fail, {} do not end", outcomes.failed, outcomes.runs, outcomes.unfinished);
            if let Some(error) = &outcomes.error {
                let _ = write!(text, ": {} {}", error.code.as_deref().unwrap_or_default(), error.message);
            }
            text.push('\n');
        }
        let _ = write!(text, "Machines  {} now, {} at most, {} after", machines.before, machines.peak, machines.after);
        let kinds =
            [("added", &machines.added), ("removed", &machines.removed), ("reimaged", &machines.reimaged), ("extra", &machines.extra)];
        for (word, names) in kinds.into_iter().filter(|(_, names)| names.count > 0) {
            let _ = write!(text, "; {word} {}", named(names));
        }
        let _ = writeln!(text, "\nPrice     ${:.2} an hour now, ${:.2} at most, ${:.2} after", price.before, price.peak, price.after);
        let pods = &self.pods;
        let _ = writeln!(text, "Pods      {} moved, {} wait for a node in the end, {} lost", pods.moved, pods.pending, pods.lost);
        for of in pods.workloads.iter().take(ROWS) {
            let to: Vec<String> = of.to.iter().map(|to| format!("{} on {} of {}", to.pods, named(&to.nodes), to.pool)).collect();
            let waits = if of.pending > 0 { format!(", {} wait", of.pending) } else { String::new() };
            let _ = writeln!(text, "  {} {}/{}: {} moved{waits} -> {}", of.kind, of.namespace, of.name, of.moved, to.join("; "));
        }
        more(text, pods.workloads.len() + pods.more);
        budgets(text, &self.budgets);
    }
}

fn budgets(text: &mut String, budgets: &[BudgetView]) {
    for view in budgets.iter().take(ROWS) {
        let owner = view.owner.as_ref().map(|owner| format!("; ask {} ({})", owner.name, owner.from)).unwrap_or_default();
        let how = match view.allowed {
            Some(allowed) => format!("allows {} evictions now", allowed.max(0)),
            None if view.holds => format!("holds {} machines to the end", view.machines),
            None => format!("holds {} machines up, {} min at most", view.machines, view.minutes),
        };
        let _ = writeln!(text, "Blocked   by {} over {}: {how}{owner}", view.budget, view.pod);
    }
    more(text, budgets.len());
}

fn more(text: &mut String, count: usize) {
    if count > ROWS {
        let _ = writeln!(text, "  and {} more", count - ROWS);
    }
}

/// `3 (a, b, c)`; three names and how many more.
fn named(names: &Names) -> String {
    let shown: Vec<&str> = names.names.iter().take(3).map(|name| &**name).collect();
    let rest = if names.count > shown.len() { ", …" } else { "" };
    format!("{} ({}{rest})", names.count, shown.join(", "))
}
