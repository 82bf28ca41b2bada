//! The command that makes a planned change: the words as they were typed, without those that only planning has.
//!
//! Words are quoted for a POSIX shell where they have to be. Flags of ours are known by their whole names and unambiguous beginnings.

/// Flags that are not az's, or that only choose how the answer is shown; all take a value.
const OURS: [&str; 8] = ["--kubeconfig", "--context", "--dump", "--pools", "--seeds", "--data-dir", "--output", "--query"];
/// Beginnings that are az's own, or that az has too.
const LEAST: usize = "--dum".len();

/// `az aks nodepool …`, from the words of a whole command line.
pub fn of(words: &[String]) -> String {
    let mut command = "az aks nodepool".to_owned();
    let mut rest = behind_nodepool(words).iter();
    while let Some(word) = rest.next() {
        match own(word) {
            Own::No => command.push_str(&format!(" {}", quoted(word))),
            Own::WithValue => {}
            Own::BeforeValue => drop(rest.next()),
        }
    }
    command
}

/// Whether the answer's format was asked for.
pub fn asks_for_format(words: &[String]) -> bool {
    behind_nodepool(words).iter().any(|word| {
        let name = word.split('=').next().unwrap_or_default();
        (word.starts_with("-o") && !word.starts_with("--"))
            || (name.len() >= LEAST && ("--output".starts_with(name) || "--query".starts_with(name)))
    })
}

enum Own {
    No,
    WithValue,
    BeforeValue,
}

fn own(word: &str) -> Own {
    if word.starts_with("-o") {
        return if word == "-o" { Own::BeforeValue } else { Own::WithValue };
    }
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    match name.len() >= LEAST && OURS.iter().any(|own| own.starts_with(name)) {
        false => Own::No,
        true if value.is_some() => Own::WithValue,
        true => Own::BeforeValue,
    }
}

fn behind_nodepool(words: &[String]) -> &[String] {
    let place = words.iter().position(|word| word == "nodepool").map_or(words.len(), |place| place + 1);
    &words[place..]
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_command_is_what_was_typed_without_our_words() {
        let line = "nodelane --data-dir /d plan nodepool upgrade -g lanes --cluster-name dev -n np1 -k 1.35 --dump=f -o json --seeds 3";
        assert_eq!(of(&words(line)), "az aks nodepool upgrade -g lanes --cluster-name dev -n np1 -k 1.35");
        let mut odd = words("nodelane plan nodepool add --labels");
        odd.extend(["".to_owned(), "a=it's x".to_owned(), "--kubernetes-version".to_owned(), "1.35".to_owned()]);
        assert_eq!(of(&odd), r"az aks nodepool add --labels '' 'a=it'\''s x' --kubernetes-version 1.35");
    }

    #[test]
    fn a_format_is_asked_for_by_any_of_its_flags() {
        for (line, asked) in [
            ("-o json", true),
            ("-ojson", true),
            ("--output=json", true),
            ("--query minutes", true),
            ("--os-sku Ubuntu", false),
            ("", false),
        ] {
            assert_eq!(asks_for_format(&words(&format!("nodelane plan nodepool add {line}"))), asked, "{line}");
        }
    }
}
