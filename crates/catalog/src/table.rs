//! The built-in tables as text: comment lines and the column line skipped, fields split at commas.
//!
//! Invariant: the files under `data/` are well formed (tests parse all of them), so a malformed one is a programmer's error and panics.
//! Not here: quoting, escapes, anything read at run time.

/// Data lines of a table, without comments and without the line that names the columns.
pub(crate) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().skip_while(|line| line.starts_with('#')).skip(1)
}

/// The line that names the columns.
pub(crate) fn columns(text: &'static str) -> &'static str {
    text.lines().find(|line| !line.starts_with('#')).expect("built-in table has a column line")
}

/// Fields of one line, handed out in order.
pub(crate) struct Fields(std::str::Split<'static, char>);

impl Fields {
    pub(crate) fn of(line: &'static str) -> Self {
        Fields(line.split(','))
    }

    pub(crate) fn text(&mut self) -> &'static str {
        self.0.next().expect("built-in table has this column")
    }

    pub(crate) fn optional_text(&mut self) -> Option<&'static str> {
        Some(self.text()).filter(|text| !text.is_empty())
    }

    pub(crate) fn number(&mut self) -> u32 {
        self.text().parse().expect("built-in table has a number here")
    }

    pub(crate) fn optional_number(&mut self) -> Option<u32> {
        self.optional_text().map(|text| text.parse().expect("built-in table has a number here"))
    }
}

/// Order of names as Azure compares them: ASCII case does not count.
pub(crate) fn compare_ignoring_case(a: &str, b: &str) -> std::cmp::Ordering {
    let a = a.bytes().map(|byte| byte.to_ascii_lowercase());
    a.cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}
