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
/// end as CRLF whatever the MTA used (milter values fold with a bare LF).
#[derive(Clone, Debug, Default)]
pub struct HeaderSection {
    octets: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    colon: u32,
    end: u32,
}

/// One field of a [`HeaderSection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as spelled in the message, without the colon.
    pub name: &'a [u8],
    /// What stands between the colon and the final CRLF, leading white space included.
    pub value: &'a [u8],
}

impl HeaderSection {
    /// Appends a field whose value comes from a milter `L` command or from a file.
    pub fn push(&mut self, name: &[u8], value: &[u8], leading: LeadingSpace) {
        todo!("H1: {name:?} {value:?} {leading:?}")
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Octets held, names, values and two each for the colon and so on as OpenDKIM counts them.
    pub fn octets(&self) -> usize {
        self.octets.len() + 2 * self.spans.len()
    }

    /// The field at `index` in message order.
    pub fn get(&self, index: usize) -> Option<Field<'_>> {
        let span = self.spans.get(index)?;
        let (start, colon, end) = (span.start as usize, span.colon as usize, span.end as usize);
        Some(Field {
            name: &self.octets[start..colon],
            value: &self.octets[colon..end],
        })
    }

    /// All fields in message order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + ExactSizeIterator {
        (0..self.spans.len()).map(|i| self.get(i).expect("index below len"))
    }

    /// The fields of that name (compared without case), in message order.
    pub fn named<'a>(&'a self, name: &'a [u8]) -> impl DoubleEndedIterator<Item = Field<'a>> {
        self.iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
    }

    /// Forgets all fields but keeps the allocation for the next message.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.spans.clear();
    }
}
