//! A line as a program writes it, with holes for what changes: `no signing table match for '{author}'`.

/// The written form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Template(pub(super) &'static str);

/// What stood in the holes of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    parts: Vec<(&'static str, &'t str)>,
    /// The whole line.
    pub(super) line: &'t str,
}

impl<'t> Parts<'t> {
    /// What stood in a hole; empty where the template has no such hole.
    pub(super) fn get(&self, hole: &str) -> &'t str {
        self.some(hole).unwrap_or_default()
    }

    /// What stood in a hole, unless it was empty or a question mark.
    pub(super) fn some(&self, hole: &str) -> Option<&'t str> {
        let (_, text) = self.parts.iter().find(|(name, _)| *name == hole)?;
        Some(*text).filter(|text| !text.is_empty() && *text != "?")
    }
}

impl Template {
    /// The parts of a line of this form. Each hole takes as little as it can, the last one all; the
    /// text after the last hole must end the line. Takes time in proportion to the line.
    pub(super) fn read<'t>(&self, line: &'t str) -> Option<Parts<'t>> {
        let mut parts = Vec::new();
        let (first, mut template) = self.0.split_once('{').unwrap_or((self.0, ""));
        let mut rest = line.strip_prefix(first)?;
        if first.len() == self.0.len() {
            return rest.is_empty().then_some(Parts { parts, line });
        }
        loop {
            let (hole, after) = template.split_once('}')?;
            match after.split_once('{') {
                Some((literal, next)) => {
                    let at = rest.find(literal)?;
                    parts.push((hole, &rest[..at]));
                    rest = &rest[at + literal.len()..];
                    template = next;
                }
                None => {
                    parts.push((hole, rest.strip_suffix(after)?));
                    return Some(Parts { parts, line });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_take_what_stands_between_the_fixed_words() {
        let template = Template("{host} [{ip}] not internal");
        let parts = template
            .read("mail.example [2001:db8::1] not internal")
            .unwrap();
        assert_eq!(
            (parts.get("host"), parts.get("ip")),
            ("mail.example", "2001:db8::1")
        );
        assert_eq!(template.read("mail.example [2001:db8::1] internal"), None);
        assert_eq!(parts.get("no such hole"), "");
    }

    #[test]
    fn a_template_without_holes_is_the_line_itself() {
        let template = Template("not authenticated");
        assert!(template.read("not authenticated").is_some());
        assert_eq!(template.read("not authenticated, really"), None);
        assert_eq!(template.read("was not authenticated"), None);
    }

    #[test]
    fn the_last_hole_takes_the_rest_and_may_be_empty() {
        let template = Template("syntax error: {detail}");
        assert_eq!(
            template.read("syntax error: a: b").unwrap().get("detail"),
            "a: b"
        );
        assert_eq!(
            template.read("syntax error: ").unwrap().some("detail"),
            None
        );
        let template = Template("domain '{domain}' exempted, accepting");
        let parts = template.read("domain 'it's' exempted, accepting").unwrap();
        assert_eq!(parts.get("domain"), "it's");
    }
}
