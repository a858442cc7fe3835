//! Folding of a DKIM-Signature value into lines of at most 75 columns.
//!
//! A tag goes on the line where it fits; else it begins the next one, after a TAB. There it is
//! broken, if it is longer than a line and may be, and its further lines begin with TAB and SP.

/// Columns of a line, those of a TAB included.
const MARGIN: usize = 75;
/// Columns of a TAB at the start of a line.
const TAB_WIDTH: usize = 8;
/// Columns of what a broken tag's further lines begin with.
const BROKEN_INDENT: usize = TAB_WIDTH + 1;

/// Where a tag that is longer than a line may be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Nowhere: it stays whole, however long (most tags).
    Never,
    /// After each colon (`h=`).
    AtColons,
    /// Anywhere in the value (`b=`, `bh=`, `z=`).
    Anywhere,
}

/// A value under work.
#[derive(Clone, Debug)]
pub struct FoldedValue {
    text: String,
    column: usize,
}

impl FoldedValue {
    /// Begins a value after a field name of `name_columns` columns, colon and space included.
    pub fn new(name_columns: usize) -> Self {
        Self {
            text: String::with_capacity(1024),
            column: name_columns,
        }
    }

    /// Appends a tag: `head` is its name and `=`, `rest` the value and the semicolon.
    ///
    /// Lines count octets; a break never falls inside a character.
    pub fn push_tag(&mut self, head: &str, rest: &str, breaks: Break) {
        let length = head.len() + rest.len();
        if self.text.is_empty() {
            self.push(head);
            self.push(rest);
        } else if self.column + length <= MARGIN {
            self.push(" ");
            self.push(head);
            self.push(rest);
        } else {
            self.begin_tag_on_new_line(head);
            match breaks {
                Break::AtColons if self.column + rest.len() > MARGIN => self.push_at_colons(rest),
                Break::Anywhere => self.push_anywhere(rest),
                _ => self.push(rest),
            }
        }
    }

    /// Begins a tag on a new line, its value to follow with [`FoldedValue::push_anywhere`].
    pub fn begin_tag_on_new_line(&mut self, head: &str) {
        self.begin_line("\r\n\t", TAB_WIDTH);
        self.push(head);
    }

    /// The value as folded.
    pub fn into_string(self) -> String {
        self.text
    }

    /// The value as folded so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Continues a tag, pushed last, that may be broken anywhere.
    pub fn push_anywhere(&mut self, mut rest: &str) {
        while self.column + rest.len() > MARGIN {
            let room = rest.floor_char_boundary(MARGIN.saturating_sub(self.column));
            self.push(&rest[..room]);
            self.begin_line("\r\n\t ", BROKEN_INDENT);
            rest = &rest[room..];
        }
        self.push(rest);
    }

    fn push_at_colons(&mut self, rest: &str) {
        for (index, name) in rest.split(':').enumerate() {
            if index > 0 {
                // The colon itself may stand beyond the margin.
                let fits = self.column + ":".len() + name.len() <= MARGIN;
                self.push(":");
                if !fits {
                    self.begin_line("\r\n\t ", BROKEN_INDENT);
                }
            }
            self.push(name);
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }

    fn begin_line(&mut self, indent: &str, columns: usize) {
        self.text.push_str(indent);
        self.column = columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: usize = "DKIM-Signature: ".len();

    fn folded(tags: &[(&str, &str, Break)]) -> String {
        let mut value = FoldedValue::new(NAME);
        for (head, rest, breaks) in tags {
            value.push_tag(head, rest, *breaks);
        }
        value.into_string().replace("\r\n", "\n")
    }

    #[test]
    fn a_tag_that_reaches_the_margin_stays_on_the_line() {
        let first = ("v=", "1;", Break::Never);
        let fits = "x".repeat(75 - 20 - 3);
        let tag = format!("{fits};");
        assert_eq!(
            folded(&[first, ("d=", &tag, Break::Never)]),
            format!("v=1; d={fits};")
        );
        let tag = format!("{fits}x;");
        assert_eq!(
            folded(&[first, ("d=", &tag, Break::Never)]),
            format!("v=1;\n\td={fits}x;")
        );
    }

    #[test]
    fn a_tag_that_may_not_be_broken_stays_whole() {
        let long = "x".repeat(200);
        assert_eq!(
            folded(&[("v=", "1;", Break::Never), ("d=", &long, Break::Never)]),
            format!("v=1;\n\td={long}")
        );
    }

    #[test]
    fn names_are_broken_after_colons() {
        let (long, short) = ("n".repeat(60), "s".repeat(7));
        let tag = format!("{long}:{short}:{short};");
        assert_eq!(
            folded(&[("v=", "1;", Break::Never), ("h=", &tag, Break::AtColons)]),
            format!("v=1;\n\th={long}:\n\t {short}:{short};")
        );
    }

    #[test]
    fn data_is_broken_at_the_margin_and_never_inside_a_character() {
        let data = "d".repeat(65 + 66 + 1);
        assert_eq!(
            folded(&[("v=", "1;", Break::Never), ("b=", &data, Break::Anywhere)]),
            format!("v=1;\n\tb={}\n\t {}\n\t d", &data[..65], &data[..66])
        );
        let odd = "\u{e9}".repeat(33);
        assert_eq!(
            folded(&[("v=", "1;", Break::Never), ("z=", &odd, Break::Anywhere)]),
            format!("v=1;\n\tz={}\n\t \u{e9}", "\u{e9}".repeat(32))
        );
    }
}
