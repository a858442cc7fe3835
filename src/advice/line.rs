//! Text from anywhere, on one line and without what steers a terminal.

use std::{borrow::Cow, fmt::Write};

/// The longest line that is shown.
const MAX_OCTETS: usize = 4096;

/// Makes text from anywhere into one line, as the log does: control characters and line separators
/// become `\xNN` or `\u{NNNN}`, and what goes beyond 4096 octets is cut.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_OCTETS && !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    const CUT: &str = "...";
    let mut line = String::with_capacity(text.len().min(MAX_OCTETS));
    for character in text.chars() {
        let before = line.len();
        // Writing to a String can't fail.
        let _ = match character {
            c if is_unfit(c) && c.is_ascii() => write!(line, "\\x{:02x}", c as u32),
            c if is_unfit(c) => write!(line, "\\u{{{:x}}}", c as u32),
            c => line.write_char(c),
        };
        if line.len() > MAX_OCTETS - CUT.len() {
            line.truncate(before);
            line.push_str(CUT);
            break;
        }
    }
    Cow::Owned(line)
}

/// A character that would begin another line, or steer a terminal or the direction of text.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_neither_begins_a_line_nor_steers_a_terminal() {
        assert_eq!(
            one_line("a\r\nFAIL\0\x1b[2J\u{85}\u{2028}\u{202e}\tz"),
            "a\\x0d\\x0aFAIL\\x00\\x1b[2J\\u{85}\\u{2028}\\u{202e}\\x09z"
        );
        assert!(matches!(one_line("d=müller.example"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        for text in ["é".repeat(MAX_OCTETS), "\n".repeat(MAX_OCTETS)] {
            let line = one_line(&text);
            assert!(line.len() <= MAX_OCTETS && line.len() > MAX_OCTETS - 16);
            assert!(line.ends_with("..."));
        }
    }
}
