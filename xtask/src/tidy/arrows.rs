//! Which room may use which: the table of ARCHITECTURE.md, read against every Cargo.toml.
//!
//! A room may use what its arrow names and every room on a lower line. `store` and `model` use nothing of
//! ours, `cli` uses everything. Tests may use `testkit` and whatever lies on a lower line.
//! Versions of other people's crates are written once, in the workspace's own Cargo.toml.

use super::{Finding, Source};

/// (line, room, rooms of the same line that its arrow names). A name that ends in `-` stands for all that begin so.
const ROOMS: [(u8, &str, &[&str]); 23] = [
    (0, "model", &[]),
    (1, "world", &[]),
    (1, "arm", &["catalog"]),
    (1, "k8s", &["catalog"]),
    (1, "provider", &[]),
    (1, "catalog", &[]),
    (1, "store", &[]),
    (2, "place", &[]),
    (2, "workload", &[]),
    (3, "engine", &[]),
    (3, "review", &["engine"]),
    (4, "control", &[]),
    (4, "sim", &[]),
    (4, "sources", &[]),
    (4, "provider-", &[]),
    (4, "store-kube", &[]),
    (5, "rehearsal", &[]),
    (6, "server-arm", &[]),
    (6, "server-k8s", &[]),
    (6, "server-web", &[]),
    (6, "server", &["server-arm", "server-k8s", "server-web"]),
    (7, "cli", &[]),
    (8, "testkit", &[]),
];

/// Who may speak HTTP: inwards the servers, outwards the readers of foreign worlds and the command line.
const HTTP: [&str; 6] = ["server", "server-", "sources", "store-kube", "provider-", "cli"];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let manifests = sources.iter().filter(|s| s.path.starts_with("crates/") && s.path.ends_with("/Cargo.toml"));
    manifests.flat_map(manifest).collect()
}

fn names(pattern: &str, room: &str) -> bool {
    pattern == room || (pattern.ends_with('-') && room.starts_with(pattern))
}

fn entry(room: &str) -> Option<(u8, &'static [&'static str])> {
    ROOMS.iter().find(|(_, name, _)| names(name, room)).map(|&(line, _, same)| (line, same))
}

fn may_use(room: &str, other: &str, for_tests: bool) -> bool {
    let (Some((line, same)), Some((other_line, _))) = (entry(room), entry(other)) else {
        return false;
    };
    if other == "testkit" {
        return for_tests;
    }
    room != "store" && (other_line < line || same.contains(&other))
}

fn manifest(source: &Source) -> Vec<Finding> {
    let room = source.room().unwrap_or_default();
    let at = |line: usize, text: String| Finding { path: source.path.clone(), line, text };
    if entry(room).is_none() {
        return vec![at(0, format!("the room `{room}` is not in the table of arrows"))];
    }
    let mut findings = Vec::new();
    let (mut dependencies, mut for_tests) = (false, false);
    for (number, line) in source.text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())) {
        if let Some(section) = line.strip_prefix('[') {
            dependencies = section.contains("dependencies");
            for_tests = section.contains("dev-dependencies");
            continue;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if !dependencies || name.is_empty() || name.starts_with('#') {
            continue;
        }
        if let Some(other) = name.strip_prefix("nodelane-")
            && !may_use(room, other, for_tests)
        {
            findings.push(at(number, format!("`{room}` may not use `{other}`: no arrow leads there")));
        }
        if !line.contains("workspace") {
            findings.push(at(number, format!("`{name}` must be declared in the workspace and used as `workspace = true`")));
        }
        if matches!(name, "hyper" | "reqwest") && !for_tests && !HTTP.iter().any(|h| names(h, room)) {
            findings.push(at(number, format!("`{room}` may not speak HTTP")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(room: &str, section: &str, line: &str) -> usize {
        let text = format!("[package]\nname = \"nodelane-{room}\"\n[{section}]\n{line}\n");
        check(&[Source::new(&format!("crates/{room}/Cargo.toml"), &text)]).len()
    }

    #[test]
    fn a_room_may_use_lower_lines_and_its_arrows_only() {
        for (room, other, allowed) in [
            ("engine", "place", true),
            ("engine", "model", true),
            ("place", "engine", false),
            ("place", "workload", false),
            ("world", "catalog", false),
            ("arm", "catalog", true),
            ("store", "model", false),
            ("review", "engine", true),
            ("engine", "review", false),
            ("sim", "control", false),
            ("server", "server-arm", true),
            ("server-arm", "server", false),
            ("provider-azure", "provider", true),
            ("cli", "server", true),
            ("control", "testkit", false),
        ] {
            let found = findings(room, "dependencies", &format!("nodelane-{other}.workspace = true"));
            assert_eq!(found == 0, allowed, "{room} -> {other}");
        }
    }

    #[test]
    fn tests_may_use_testkit() {
        assert_eq!(findings("model", "dev-dependencies", "nodelane-testkit.workspace = true"), 0);
        assert_eq!(findings("model", "dev-dependencies", "nodelane-engine.workspace = true"), 1);
    }

    #[test]
    fn versions_are_written_once_and_http_stays_at_the_edge() {
        assert_eq!(findings("engine", "dependencies", "serde = \"1\""), 1);
        assert_eq!(findings("engine", "dependencies", "hyper.workspace = true"), 1);
        assert_eq!(findings("server-arm", "dependencies", "hyper.workspace = true"), 0);
        assert_eq!(findings("nowhere", "dependencies", ""), 1);
    }
}
