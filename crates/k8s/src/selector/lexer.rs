//! Words of the label selector grammar.
//!
//! Operators are read greedily, as upstream does: `a!==b` is `!=` then `=`. Whether a word is a key, a value or the
//! operator `in` is the parser's to decide.
//! Positions are bytes; all separators are ASCII.

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A key, a value, `in` or `notin`.
    Word(&'a str),
    /// One of `! = == != > < ( ) ,`.
    Symbol(&'a str),
    /// Nothing is left.
    End,
}

impl Token<'_> {
    /// As error texts show it.
    pub(super) fn shown(self) -> String {
        match self {
            Token::Word(text) | Token::Symbol(text) => text.to_owned(),
            Token::End => String::new(),
        }
    }
}

/// All tokens of a selector, without the end.
pub(super) fn tokens(mut rest: &str) -> Vec<Token<'_>> {
    let is_symbol = |b: u8| b"=!(),<>".contains(&b);
    let is_space = |b: u8| b" \t\r\n".contains(&b);
    let mut out = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(first) = rest.bytes().next().filter(|b| *b != 0) else {
            return out;
        };
        if is_symbol(first) {
            // Only two operators have two characters; every symbol is an operator by itself.
            let length = if rest.starts_with("==") || rest.starts_with("!=") { 2 } else { 1 };
            out.push(Token::Symbol(&rest[..length]));
            rest = &rest[length..];
        } else {
            let word = rest.bytes().take_while(|b| !is_symbol(*b) && !is_space(*b) && *b != 0).count();
            out.push(Token::Word(&rest[..word]));
            rest = &rest[word..];
        }
    }
}
