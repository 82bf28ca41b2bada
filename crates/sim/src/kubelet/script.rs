//! What a container does, as its pod's annotations, its command or its owner say: when it is ready, when it ends, with which exit code.
//!
//! `sleep N`, `true`, `false` and `exit N` end as written; other commands run until they are deleted, except in a job, where they succeed
//! after five seconds. The annotations of the pod count for all of its containers and before their commands.

use nodelane_model::pod::Container;
use nodelane_model::{Doc, Name};

/// How long a job's container runs whose command says nothing about it.
const JOB_RUN_MILLIS: i64 = 5_000;
/// How long the containers run before they succeed: `90s`, `5m`, `1h`.
const RUN_FOR: &str = "nodelane.dev/run-for";
/// How long the containers run before they fail.
const CRASH_AFTER: &str = "nodelane.dev/crash-after";
/// With which exit code they end.
const EXIT_CODE: &str = "nodelane.dev/exit-code";
/// How long after each start a container becomes ready.
const READY_AFTER: &str = "nodelane.dev/ready-after";

/// What a container does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Script {
    /// Milliseconds from a start to ready.
    pub ready_after_millis: i64,
    /// Milliseconds from a start to the end, and the exit code; `None` where it runs until it is stopped.
    pub ends: Option<(i64, i32)>,
}

/// What a container of a pod does.
pub fn of(doc: &Doc, container: &Container) -> Script {
    let said = |key: &str| doc.meta.annotations.get(key).and_then(|text| parse_duration(text));
    let crash = said(CRASH_AFTER).map(|after| (after, 1));
    let in_job = || doc.meta.controller().is_some_and(|owner| owner.kind == "Job").then_some((JOB_RUN_MILLIS, 0));
    let ends = crash.or(said(RUN_FOR).map(|after| (after, 0))).or_else(|| written_ending(container)).or_else(in_job);
    let code = doc.meta.annotations.get(EXIT_CODE).and_then(|text| text.parse().ok());
    Script { ready_after_millis: said(READY_AFTER).unwrap_or(0), ends: ends.map(|(after, default)| (after, code.unwrap_or(default))) }
}

/// What a container's command says about its end: the last of `sleep N`, `true`, `false`, `exit N`, after all sleeps before it.
fn written_ending(container: &Container) -> Option<(i64, i32)> {
    let line = container.command.iter().chain(&container.args).map(Name::as_str).collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("/bin/sh -c ").or_else(|| line.strip_prefix("sh -c ")).unwrap_or(&line);
    let (mut millis, mut code, mut ends) = (0, 0, false);
    for command in line.split(['&', ';', '\n']).map(str::trim).filter(|command| !command.is_empty()) {
        let mut words = command.split_whitespace();
        match (words.next().unwrap_or_default(), words.next()) {
            ("sleep" | "/bin/sleep", Some(time)) if time != "infinity" => {
                millis += parse_duration(time)?;
                ends = true;
            }
            ("true" | "/bin/true", None) => (code, ends) = (0, true),
            ("false" | "/bin/false", None) => (code, ends) = (1, true),
            ("exit", status) => {
                code = status.map_or(Some(0), |status| status.parse().ok())?;
                return Some((millis, code));
            }
            ("echo" | "date" | "printf", _) => {}
            _ => return None,
        }
    }
    ends.then_some((millis, code))
}

/// `90`, `1.5`, `90s`, `5m`, `1h`, `2d`, in milliseconds.
fn parse_duration(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let (number, millis) = match unit {
        's' => (&text[..text.len() - 1], 1_000.0),
        'm' => (&text[..text.len() - 1], 60_000.0),
        'h' => (&text[..text.len() - 1], 3_600_000.0),
        'd' => (&text[..text.len() - 1], 86_400_000.0),
        _ => (text, 1_000.0),
    };
    let value: f64 = number.parse().ok()?;
    (value >= 0.0 && value.is_finite()).then_some((value * millis) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::{Body, Key, Kind, Meta};

    fn container(command: &[&str]) -> Container {
        Container { command: command.iter().map(|word| Name::from(*word)).collect(), ..Container::default() }
    }

    fn script(annotations: &[(&str, &str)], command: &[&str]) -> Script {
        let mut doc = Doc::new(Key::new(Kind::Pod, "default", "p"), 1, Meta::default(), Body::Pod(nodelane_model::Pod::default()));
        let annotations = annotations.iter().map(|(key, value)| (Name::from(*key), Name::from(*value)));
        doc.meta.annotations = std::sync::Arc::new(annotations.collect());
        of(&doc, &container(command))
    }

    #[test]
    fn annotations_come_before_commands() {
        assert_eq!(script(&[(CRASH_AFTER, "5s")], &["true"]).ends, Some((5_000, 1)));
        assert_eq!(script(&[(CRASH_AFTER, "5s"), (EXIT_CODE, "137")], &[]).ends, Some((5_000, 137)));
        assert_eq!(script(&[(RUN_FOR, "1m"), (EXIT_CODE, "3")], &[]).ends, Some((60_000, 3)));
        assert_eq!(script(&[(EXIT_CODE, "3")], &["sleep", "2"]).ends, Some((2_000, 3)));
        assert_eq!(script(&[(READY_AFTER, "20s")], &[]), Script { ready_after_millis: 20_000, ends: None });
        assert_eq!(script(&[(CRASH_AFTER, "soon")], &[]).ends, None);
    }

    #[test]
    fn commands_end_as_written() {
        for (command, expected) in [
            (vec!["sleep", "30"], Some((30_000, 0))),
            (vec!["true"], Some((0, 0))),
            (vec!["false"], Some((0, 1))),
            (vec!["sh", "-c", "sleep 5; exit 3"], Some((5_000, 3))),
            (vec!["/bin/sh", "-c", "echo hello && sleep 2m"], Some((120_000, 0))),
            (vec!["sleep", "infinity"], None),
            (vec!["nginx", "-g", "daemon off;"], None),
            (vec![], None),
        ] {
            assert_eq!(written_ending(&container(&command)), expected, "{command:?}");
        }
    }
}
