//! Assertions as test cases, in the XML that pipelines read.
//!
//! A suite a run, a case an assertion. Times are those of the scenario, not of the machine, so that the bytes are always the same.

use super::{Run, markdown};

/// The document.
pub fn report(runs: &[Run]) -> String {
    let count = |run: &Run| (run.record.asserts.len(), run.record.asserts.iter().filter(|row| !row.holds).count());
    let (tests, failures) = runs.iter().map(count).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    let mut text =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rehearsal\" tests=\"{tests}\" failures=\"{failures}\">\n");
    for run in runs {
        let (tests, failures) = count(run);
        let (record, name) = (&run.record, escaped(&run.label));
        let stamp = record.start.to_string();
        text.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" timestamp=\"{}\">\n",
            stamp.trim_end_matches('Z')
        ));
        text.push_str(&format!("    <properties><property name=\"seed\" value=\"{}\"/></properties>\n", record.seed));
        for row in &record.asserts {
            let case = escaped(&format!("{} of {}: {}", row.metric, markdown::subject(row), markdown::limit(row)));
            text.push_str(&format!("    <testcase classname=\"{name}\" name=\"{case}\""));
            if row.holds {
                text.push_str("/>\n");
                continue;
            }
            let said = escaped(&format!("{} is {}, the limit is {}", row.metric, markdown::value(row), markdown::limit(row)));
            text.push_str(&format!("><failure message=\"{said}\"/></testcase>\n"));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// Text for XML and HTML, in attributes and between tags.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
