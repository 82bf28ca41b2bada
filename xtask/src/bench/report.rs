//! Figures and how they are shown.
//!
//! A metric's unit is the end of its name (`seconds`, `milliseconds`, `mib`, `percent_of_a_core`, `a_second`). Ratios are peer : ours of the
//! medians, of rates ours : peer, so above 1 is better than the peer. Nothing is judged here: the goals stand in the documents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Measured values by metric.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    /// One more value of a metric.
    pub fn add(&mut self, metric: &str, value: f64) {
        self.0.entry(metric.to_owned()).or_default().push(value);
    }

    fn spread(&self, metric: &str) -> Option<(f64, f64)> {
        let mut values = self.0.get(metric)?.clone();
        values.sort_by(f64::total_cmp);
        // The middle one; of an even number the mean of the two in the middle.
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 };
        Some((values[0], median))
    }
}

/// One figure, ours beside the peer's.
pub struct Report {
    /// As typed.
    pub name: &'static str,
    /// What we measured of ourselves.
    pub ours: Figures,
    /// What the peer needed, here or on record.
    pub peer: Figures,
    /// True when the peer ran here.
    pub peer_ran: bool,
    /// Why it did not.
    pub note: Option<&'static str>,
    /// True for a try with small counts.
    pub small: bool,
    /// File system under our data.
    pub file_system: String,
}

impl Report {
    /// True when there is a figure of ours.
    pub fn complete(&self) -> bool {
        !self.ours.0.is_empty()
    }

    fn ratio(&self, metric: &str) -> Option<f64> {
        let (_, ours) = self.ours.spread(metric)?;
        let (_, peer) = self.peer.spread(metric)?;
        let (more, less) = if metric.ends_with("_a_second") { (ours, peer) } else { (peer, ours) };
        (less > 0.0).then(|| more / less)
    }

    fn source(&self) -> &'static str {
        match (self.peer.0.is_empty(), self.peer_ran) {
            (true, _) => "none",
            (false, true) => "ran",
            (false, false) => "recorded",
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let side = |figures: &Figures| -> Value {
            let metrics = figures.0.iter().filter_map(|(metric, runs)| {
                let (min, median) = figures.spread(metric)?;
                Some((metric.clone(), json!({ "min": min, "median": median, "runs": runs })))
            });
            Value::Object(metrics.collect())
        };
        let ratios = self.ours.0.keys().filter_map(|m| Some((m.clone(), json!(self.ratio(m)?))));
        json!({
            "name": self.name,
            "ours": side(&self.ours),
            "peer": side(&self.peer),
            "ratio": Value::Object(ratios.collect()),
            "peerSource": self.source(),
            "peerNote": self.note,
            "small": self.small,
            "fileSystem": self.file_system,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let small = if self.small { ", a fiftieth: not to be quoted" } else { "" };
        let mut lines = vec![format!("{} (peer {}, data on {}{small})", self.name, self.source(), self.file_system)];
        for metric in self.ours.0.keys() {
            let (min, median) = self.ours.spread(metric).unwrap_or_default();
            let peer = self.peer.spread(metric).map_or("-".to_owned(), |(_, m)| format!("{m:.3}"));
            let ratio = self.ratio(metric).map_or("-".to_owned(), |r| format!("{r:.1}x"));
            lines.push(format!("  {metric:<32} min {min:>10.3}  median {median:>10.3}  peer {peer:>10}  {ratio:>8}"));
        }
        lines.extend(self.note.map(|note| format!("  {note}")));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_above_1_where_ours_is_better() {
        let (mut ours, mut peer) = (Figures::default(), Figures::default());
        [3.0, 1.0, 2.0].iter().for_each(|&v| ours.add("seconds", v));
        [10.0, 30.0].iter().for_each(|&v| peer.add("seconds", v));
        ours.add("pods_a_second", 600.0);
        peer.add("pods_a_second", 200.0);
        let report = Report { name: "x", ours, peer, peer_ran: false, note: None, small: false, file_system: "ext4".into() };
        let json = report.json();
        assert_eq!(json["ours"]["seconds"]["min"], 1.0);
        assert_eq!(json["ours"]["seconds"]["median"], 2.0);
        assert_eq!(json["ratio"]["seconds"], 10.0);
        assert_eq!(json["ratio"]["pods_a_second"], 3.0, "more is better");
        assert_eq!(json["peerSource"], "recorded");
    }
}
