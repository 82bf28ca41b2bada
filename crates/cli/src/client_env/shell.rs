//! How shells assign variables, and how each quotes.
//!
//! Invariant: a value, whatever is in it, arrives unchanged and runs nothing. Each shell has one form of quotes in
//! which next to nothing is special: single quotes.

use std::fmt::Write as _;

/// A family of shells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// sh, dash, bash, zsh, ksh.
    Posix,
    /// fish.
    Fish,
    /// PowerShell.
    Pwsh,
}

impl Shell {
    /// One line for each variable.
    pub(super) fn assignments(self, variables: &[(&str, String)]) -> String {
        let mut lines = String::new();
        for (name, value) in variables {
            let value = self.quote(value);
            let written = match self {
                Self::Posix => writeln!(lines, "export {name}={value}"),
                Self::Fish => writeln!(lines, "set -gx {name} {value}"),
                Self::Pwsh => writeln!(lines, "$env:{name} = {value}"),
            };
            written.expect("a String takes everything");
        }
        lines
    }

    /// The line that puts `folder` in front of `PATH`.
    pub(super) fn path_in_front(self, folder: &str) -> String {
        let folder = self.quote(folder);
        match self {
            Self::Posix => format!("export PATH={folder}\":$PATH\"\n"),
            Self::Fish => format!("set -gx PATH {folder} $PATH\n"),
            Self::Pwsh => format!("$env:PATH = {folder} + [IO.Path]::PathSeparator + $env:PATH\n"),
        }
    }

    fn quote(self, value: &str) -> String {
        let inner = match self {
            Self::Posix => value.replace('\'', r"'\''"),
            Self::Fish => value.replace('\\', r"\\").replace('\'', r"\'"),
            // PowerShell takes the typographic quotes for plain ones, and each is written twice.
            Self::Pwsh => value
                .chars()
                .flat_map(|c| std::iter::repeat_n(c, if "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(c) { 2 } else { 1 }))
                .collect(),
        };
        format!("'{inner}'")
    }
}
