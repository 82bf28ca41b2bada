//! The words of a scenario's changes and faults, as a shell would split them, read by the same parsers as the command line.
//!
//! Words that a scenario may leave out are filled in: the group `lanes`, and the cluster where the entry or the scenario says which.
//! Nothing waits and nothing asks: time would stand still.

use clap::Parser;

use crate::fault::SetArguments;
use crate::nodepool::PoolVerb;

#[derive(Debug, Parser)]
#[command(name = "nodelane nodepool", infer_long_args = true, args_override_self = true, no_binary_name = true)]
struct PoolWords {
    #[command(subcommand)]
    verb: PoolVerb,
}

#[derive(Debug, Parser)]
#[command(name = "nodelane fault set", infer_long_args = true, args_override_self = true, no_binary_name = true)]
struct FaultWords {
    #[command(flatten)]
    arguments: SetArguments,
}

/// Reads the words behind `nodelane nodepool`.
///
/// # Errors
/// What the command line would say.
pub fn change(text: &str, group: &str, cluster: &str) -> Result<PoolVerb, String> {
    let mut words = split(text)?;
    let has = |words: &[String], short: &str, long: &str| {
        words.iter().any(|word| word == long || word.starts_with(&format!("{long}=")) || !short.is_empty() && word.starts_with(short))
    };
    if !has(&words, "-g", "--resource-group") {
        words.extend(["-g".to_owned(), group.to_owned()]);
    }
    if !has(&words, "", "--cluster-name") {
        words.extend(["--cluster-name".to_owned(), cluster.to_owned()]);
    }
    if !has(&words, "", "--no-wait") && words.first().is_some_and(|verb| !is_question(verb)) {
        words.push("--no-wait".to_owned());
    }
    if words.first().is_some_and(|verb| verb == "upgrade") && !has(&words, "-y", "--yes") {
        words.push("--yes".to_owned());
    }
    let read = PoolWords::try_parse_from(words).map_err(|error| told(&error))?;
    match read.verb.is_change() {
        true => Ok(read.verb),
        false => {
            Err("it changes nothing; a change is one of add, update, scale, upgrade, rollback, delete, stop, start, operation-abort, delete-machines"
                .into())
        }
    }
}

fn is_question(verb: &str) -> bool {
    matches!(verb, "list" | "show" | "get-upgrades" | "get-rollback-versions" | "repairs" | "wait")
}

/// Reads the words behind `nodelane fault set`.
///
/// # Errors
/// What the command line would say.
pub fn fault(text: &str) -> Result<SetArguments, String> {
    Ok(FaultWords::try_parse_from(split(text)?).map_err(|error| told(&error))?.arguments)
}

/// A parser's complaint in one line.
fn told(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    lines.collect::<Vec<_>>().join("; ").trim_start_matches("error: ").to_owned()
}

/// Splits at blanks; quotes keep blanks, a backslash keeps the next character.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let split = |text: &str| split(text).unwrap();
        assert_eq!(split(r#"add -n np1  --tags "a=b c" 'd e'"#), ["add", "-n", "np1", "--tags", "a=b c", "d e"]);
        assert_eq!(split(r#"--labels "" a\ b"#), ["--labels", "", "a b"]);
        assert!(super::split("'open").is_err());
    }

    #[test]
    fn group_and_cluster_are_filled_in_and_questions_are_refused() {
        assert!(change("scale -n np1 -c 3", "lanes", "dev").unwrap().is_change());
        assert!(change("upgrade -n np1 --node-image-only --cluster-name other", "lanes", "dev").is_ok());
        assert!(change("show -n np1", "lanes", "dev").unwrap_err().contains("changes nothing"));
        assert!(change("rollback -n np1", "lanes", "dev").unwrap().is_change());
        assert!(change("get-rollback-versions -n np1", "lanes", "dev").unwrap_err().contains("changes nothing"));
        assert!(change("scale -n np1 --count three", "lanes", "dev").is_err());
        assert!(fault("spot-evict --pool batch --for 10m").is_ok());
        assert!(fault("earthquake").unwrap_err().contains("spot-evict"), "what is allowed is told");
    }
}
