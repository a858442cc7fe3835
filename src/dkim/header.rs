//! The header section as received: one allocation for all fields.

/// Whether the MTA hands over the white space that follows the colon (milter `HDR_LEADSPC`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadingSpace {
    /// Values come exactly as they stand in the message.
    Kept,
    /// One space was eaten; the MTA will write one space before every value.
    Eaten,
}

/// The header section of one message, in message order.
///
/// Values hold exactly the octets between the colon and the final line end, with every inner line
/// end as CRLF whatever the MTA used (milter values fold with a bare LF). A bare CR is no line end
/// and stays.
#[derive(Clone, Debug, Default)]
pub struct HeaderSection {
    /// The fields one after the other, each as `name ":" value CRLF`.
    octets: Vec<u8>,
    spans: Vec<Span>,
}

/// Where one field stands: its name from the field before it to the colon, its value from there to
/// `end`. Small, since a field may be no larger than this itself.
#[derive(Clone, Copy, Debug)]
struct Span {
    colon: u32,
    end: u32,
}

impl Span {
    fn colon(self) -> usize {
        self.colon as usize
    }

    fn end(self) -> usize {
        self.end as usize
    }

    /// Where the next field begins.
    fn after(self) -> usize {
        self.end() + 2
    }
}

/// One field of a [`HeaderSection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as spelled in the message, up to the colon.
    pub name: &'a [u8],
    /// What stands between the colon and the final CRLF, leading white space included.
    pub value: &'a [u8],
}

impl<'a> Field<'a> {
    /// The name without the white space that RFC 5322's obsolete syntax allows before the colon
    /// (section 4.5): the name by which a field is known, in `h=` and everywhere else.
    pub fn bare_name(&self) -> &'a [u8] {
        bare_name(self.name)
    }

    fn is_named(&self, name: &[u8]) -> bool {
        self.bare_name().eq_ignore_ascii_case(name)
    }
}

/// A name as spelled, without the white space before the colon: see [`Field::bare_name`].
pub fn bare_name(name: &[u8]) -> &[u8] {
    let blanks = name.iter().rev().take_while(|octet| is_wsp(**octet));
    &name[..name.len() - blanks.count()]
}

/// SP or TAB (`WSP` in RFC 5234).
pub(crate) fn is_wsp(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// A line of a header section is neither a field nor the continuation of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the header section is not a header field")]
pub struct NotAField {
    /// The line, counted from 1.
    pub line: usize,
}

impl HeaderSection {
    /// Parts a whole message into its header section and its body, which is everything behind the
    /// first empty line, as it stands. Lines may end with CRLF, as on the wire, or with LF alone, as in
    /// files; a body with bare LF must be hashed with [`fix_crlf`] or changed first.
    ///
    /// ```
    /// use dkim_core::header::HeaderSection;
    ///
    /// let message = b"From: joe@example.com\r\nSubject: a\r\n\tfold\r\n\r\nHello\r\n";
    /// let (section, body) = HeaderSection::parse(message)?;
    /// assert_eq!(section.len(), 2);
    /// assert_eq!(section.get(1).unwrap().value, b" a\r\n\tfold");
    /// assert_eq!(body, b"Hello\r\n");
    /// # Ok::<(), dkim_core::header::NotAField>(())
    /// ```
    ///
    /// [`fix_crlf`]: crate::sign::SigningPolicy::fix_crlf
    pub fn parse(message: &[u8]) -> Result<(Self, &[u8]), NotAField> {
        let mut section = Self::default();
        let mut rest = message;
        let mut line = 1;
        while !rest.is_empty() {
            let (field, after) = rest.split_at(field_end(rest));
            let text = field.strip_suffix(b"\n").unwrap_or(field);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.is_empty() {
                return Ok((section, after));
            }
            let colon = memchr::memchr(b':', text).ok_or(NotAField { line })?;
            let name = &text[..colon];
            if bare_name(name).is_empty() || !bare_name(name).iter().all(u8::is_ascii_graphic) {
                return Err(NotAField { line });
            }
            section.push(name, &text[colon + 1..], LeadingSpace::Kept);
            line += memchr::memchr_iter(b'\n', field).count();
            rest = after;
        }
        Ok((section, rest))
    }

    /// Appends a field whose value comes from a milter `L` command or from a file. A section of 2 GiB
    /// takes no more.
    pub fn push(&mut self, name: &[u8], value: &[u8], leading: LeadingSpace) {
        // With room for every LF to become CRLF.
        let most = self.octets.len() + name.len() + 2 * value.len() + 4;
        if most > u32::MAX as usize {
            return;
        }
        self.octets.reserve(name.len() + value.len() + 8);
        self.octets.extend_from_slice(name);
        let colon = self.octets.len() as u32;
        self.octets.push(b':');
        if leading == LeadingSpace::Eaten {
            self.octets.push(b' ');
        }
        append_with_crlf_folds(&mut self.octets, value);
        let end = self.octets.len() as u32;
        self.octets.extend_from_slice(b"\r\n");
        self.spans.push(Span { colon, end });
    }

    /// How many fields the section has.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Octets of all names and values, and two more for each field.
    pub fn octets(&self) -> usize {
        // Colon and CRLF are three octets.
        self.octets.len() - self.spans.len()
    }

    /// The field at `index` in message order.
    pub fn get(&self, index: usize) -> Option<Field<'_>> {
        let span = *self.spans.get(index)?;
        Some(self.field(self.start(index), span))
    }

    /// The field at `index` exactly as it stands in the message, final CRLF included.
    pub fn line(&self, index: usize) -> Option<&[u8]> {
        let span = self.spans.get(index)?;
        Some(&self.octets[self.start(index)..span.after()])
    }

    /// All fields in message order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + ExactSizeIterator {
        (0..self.spans.len()).map(|index| self.field(self.start(index), self.spans[index]))
    }

    /// The fields of that name (compared without case), in message order.
    pub fn named<'a>(&'a self, name: &'a [u8]) -> impl DoubleEndedIterator<Item = Field<'a>> {
        self.iter().filter(move |field| field.is_named(name))
    }

    /// Octets that are allocated.
    pub fn held(&self) -> usize {
        self.octets.capacity() + self.spans.capacity() * size_of::<Span>()
    }

    /// Gives back what is allocated beyond so many octets of text.
    pub fn shrink_to(&mut self, octets: usize) {
        self.octets.shrink_to(octets);
        self.spans.shrink_to(octets / 64);
    }

    /// Forgets all fields but keeps the allocation for the next message.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.spans.clear();
    }

    fn start(&self, index: usize) -> usize {
        index
            .checked_sub(1)
            .and_then(|before| self.spans.get(before))
            .map_or(0, |before| before.after())
    }

    fn field(&self, start: usize, span: Span) -> Field<'_> {
        Field {
            name: &self.octets[start..span.colon()],
            value: &self.octets[span.colon() + 1..span.end()],
        }
    }
}

/// Where the first field ends, its continuation lines and final line end included; an empty line is
/// never continued.
fn field_end(octets: &[u8]) -> usize {
    let empty = octets.starts_with(b"\n") || octets.starts_with(b"\r\n");
    memchr::memchr_iter(b'\n', octets)
        .map(|at| at + 1)
        .find(|next| empty || !octets.get(*next).is_some_and(|octet| is_wsp(*octet)))
        .unwrap_or(octets.len())
}

/// Copies a value, turning each bare LF into CRLF.
fn append_with_crlf_folds(octets: &mut Vec<u8>, value: &[u8]) {
    let mut copied = 0;
    for lf in memchr::memchr_iter(b'\n', value) {
        octets.extend_from_slice(&value[copied..lf]);
        if lf == 0 || value[lf - 1] != b'\r' {
            octets.push(b'\r');
        }
        octets.push(b'\n');
        copied = lf + 1;
    }
    octets.extend_from_slice(&value[copied..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(value: &[u8], leading: LeadingSpace) -> Vec<u8> {
        let mut section = HeaderSection::default();
        section.push(b"Subject", value, leading);
        section.get(0).unwrap().value.to_vec()
    }

    #[test]
    fn every_fold_becomes_crlf_and_a_bare_cr_stays() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b" a\n b", b" a\r\n b"),
            (b" a\r\n b", b" a\r\n b"),
            (b"\n a\n\tb", b"\r\n a\r\n\tb"),
            (b" a\rb", b" a\rb"),
            (b" a\r\r\n b\n\n c", b" a\r\r\n b\r\n\r\n c"),
            (b"", b""),
        ];
        for (given, kept) in cases {
            assert_eq!(value_of(given, LeadingSpace::Kept), kept, "{given:?}");
        }
    }

    #[test]
    fn an_eaten_space_comes_back() {
        assert_eq!(value_of(b"a", LeadingSpace::Eaten), b" a");
        assert_eq!(value_of(b"", LeadingSpace::Eaten), b" ");
        assert_eq!(value_of(b" a", LeadingSpace::Eaten), b"  a");
    }

    #[test]
    fn octets_are_counted_as_maximum_headers_counts_them() {
        let mut section = HeaderSection::default();
        assert_eq!(section.octets(), 0);
        section.push(b"From", b" a@b", LeadingSpace::Kept);
        section.push(b"To", b"", LeadingSpace::Kept);
        assert_eq!(section.octets(), (4 + 4 + 2) + (2 + 2));
    }

    #[test]
    fn fields_are_found_by_position_and_by_name_without_case() {
        let mut section = HeaderSection::default();
        section.push(b"To", b" x", LeadingSpace::Kept);
        section.push(b"From", b" y", LeadingSpace::Kept);
        section.push(b"tO", b" z", LeadingSpace::Kept);
        section.push(b"To \t", b" q", LeadingSpace::Kept);
        let to: Vec<_> = section.named(b"to").map(|field| field.value).collect();
        assert_eq!(to, [b" x", b" z", b" q"]);
        assert_eq!(section.line(1), Some(&b"From: y\r\n"[..]));
        assert_eq!(section.get(4), None);
        section.clear();
        assert!(section.is_empty());
    }

    #[test]
    fn a_message_parts_at_its_first_empty_line_whatever_ends_its_lines() {
        let wire = b"From: a\r\nX :\r\n b\r\n\r\n \r\n\r\nbody";
        let unix = b"From: a\nX :\n b\n\n \n\nbody";
        let (of_wire, body) = HeaderSection::parse(wire).unwrap();
        assert_eq!(body, b" \r\n\r\nbody");
        let (of_unix, body) = HeaderSection::parse(unix).unwrap();
        assert_eq!(body, b" \n\nbody");
        assert!(of_wire.iter().eq(of_unix.iter()));
        assert_eq!(of_wire.get(1).unwrap().value, b"\r\n b");
        for (message, fields) in [(&b""[..], 0), (b"\r\n", 0), (b"A:", 1), (b"A: b\n c", 1)] {
            let (section, body) = HeaderSection::parse(message).unwrap();
            assert_eq!((section.len(), body), (fields, &b""[..]), "{message:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_field_is_named() {
        for (message, line) in [
            (&b"A: b\r\n c\r\nno field\r\n\r\n"[..], 3),
            (b"From me\n", 1),
            (b" A: b\n", 1),
            (b": b\n", 1),
            (b"A: b\nc\xe9: d\n", 2),
        ] {
            let error = HeaderSection::parse(message).unwrap_err();
            assert_eq!(error, NotAField { line }, "{message:?}");
        }
    }
}
