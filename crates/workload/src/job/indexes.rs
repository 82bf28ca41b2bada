//! Completed indexes of an indexed job, as the status spells them: `0,2-4`; two in a row are `0,1`.
//!
//! What cannot be read is dropped: its pods are run again, which an indexed job must bear anyway.

use nodelane_model::workload::JobStatus;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A set of completion indexes.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Indexes(pub(super) BTreeSet<i32>);

impl Indexes {
    pub(super) fn of(status: &JobStatus) -> Indexes {
        let text = status.rest.get("completedIndexes").and_then(|text| text.as_str()).unwrap_or("");
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        Indexes(text.split(',').filter_map(range).flatten().collect())
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        let mut left = self.0.iter().copied().peekable();
        while let Some(first) = left.next() {
            let mut last = first;
            while let Some(next) = left.next_if(|next| *next == last + 1) {
                last = next;
            }
            let comma = if out.is_empty() { "" } else { "," };
            let _ = match last - first {
                0 => write!(out, "{comma}{first}"),
                1 => write!(out, "{comma}{first},{last}"),
                _ => write!(out, "{comma}{first}-{last}"),
            };
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_three_and_more_are_spelled_with_a_dash_as_the_api_documents() {
        // batch/v1 JobStatus: "if the completed indexes are 1, 3, 4, 5 and 7, they are represented as 1,3-5,7".
        let indexes = Indexes([1, 3, 4, 5, 7].into());
        assert_eq!(indexes.to_text(), "1,3-5,7");
        let mut status = JobStatus::default();
        status.rest.insert("completedIndexes".into(), indexes.to_text().into());
        assert_eq!(Indexes::of(&status), indexes);
        assert_eq!(Indexes([0, 1].into()).to_text(), "0,1");
    }
}
