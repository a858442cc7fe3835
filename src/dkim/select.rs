//! Which header fields are signed (RFC 6376 section 5.4), and which names are signed once more so that
//! nobody adds a field of that name.

use std::{cmp::Ordering, fmt::Debug, sync::Arc};

use super::header::HeaderSection;

/// The fields that RFC 6376 section 5.4.1 advises to sign.
pub const ADVISED: [&str; 20] = [
    "from",
    "reply-to",
    "subject",
    "date",
    "to",
    "cc",
    "resent-date",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "in-reply-to",
    "references",
    "list-id",
    "list-help",
    "list-unsubscribe",
    "list-subscribe",
    "list-post",
    "list-owner",
    "list-archive",
];

/// Says of field names which are signed; for lists there is [`FieldNames`].
pub trait FieldChoice: Debug + Send + Sync {
    /// Whether a field of that name, in whatever case, is signed.
    fn chooses(&self, name: &[u8]) -> bool;
}

/// The choice of fields for a signature's `h=`, made once for all messages.
///
/// ```
/// use dkim_core::{header::HeaderSection, select::HeaderSelection};
///
/// let (section, _) = HeaderSection::parse(b"From: a@b.example\nX-Spam: no\nSubject: c\n\n")?;
/// let advised = HeaderSelection::default();
/// assert_eq!(advised.choose(&section), [0, 2]);
/// // A second From, or a Subject where there is none, would make the signature invalid.
/// let strict = advised.oversigning(["From", "Subject"].map(str::to_owned).to_vec())?;
/// assert_eq!(strict.oversigned(), ["From", "Subject"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeaderSelection {
    choice: Arc<dyn FieldChoice>,
    oversigned: Vec<String>,
}

/// A text that is not the name of a header field, or not one that can stand in `h=`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not the name of a header field")]
pub struct NotAFieldName {
    /// The text as given.
    pub name: String,
}

impl Default for HeaderSelection {
    /// The fields of [`ADVISED`], with nothing oversigned.
    fn default() -> Self {
        Self {
            choice: Arc::new(FieldNames::new(ADVISED)),
            oversigned: Vec::new(),
        }
    }
}

impl HeaderSelection {
    /// The same with other fields. From is always signed, whatever the choice says (RFC 6376 section
    /// 5.4), and a field whose name can't stand in `h=` never.
    #[must_use]
    pub fn choosing(self, choice: Arc<dyn FieldChoice>) -> Self {
        Self { choice, ..self }
    }

    /// The same with these names at the end of `h=`, in this order and as written: each stands for one
    /// field more than is there, so that a field added later breaks the signature (RFC 6376 section
    /// 5.4.2).
    pub fn oversigning(self, oversigned: Vec<String>) -> Result<Self, NotAFieldName> {
        match oversigned.iter().find(|name| !fits_into_h(name.as_bytes())) {
            Some(name) => Err(NotAFieldName { name: name.clone() }),
            None => Ok(Self { oversigned, ..self }),
        }
    }

    /// The names appended to `h=`, as written.
    pub fn oversigned(&self) -> &[String] {
        &self.oversigned
    }

    /// The indexes of the fields to be signed, in message order as `h=` names them.
    pub fn choose(&self, section: &HeaderSection) -> Vec<usize> {
        section
            .iter()
            .enumerate()
            .filter(|(_, field)| self.signs(field.bare_name()))
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether a field of that name is signed.
    pub fn signs(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(b"from") || (fits_into_h(name) && self.choice.chooses(name))
    }
}

/// A list of names, looked up without case and without allocation.
#[derive(Clone, Debug, Default)]
pub struct FieldNames {
    /// In lower case, sorted by [`order`].
    names: Vec<Box<[u8]>>,
}

impl FieldNames {
    /// Takes names in any case and order.
    pub fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut names: Vec<Box<[u8]>> = names
            .into_iter()
            .map(|name| name.as_ref().to_ascii_lowercase().into_bytes().into())
            .collect();
        names.sort_unstable_by(|one, other| order(one, other));
        Self { names }
    }

    /// Whether the name is listed.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.names
            .binary_search_by(|known| order(known, name))
            .is_ok()
    }
}

impl FieldChoice for FieldNames {
    fn chooses(&self, name: &[u8]) -> bool {
        self.contains(name)
    }
}

/// Shorter names first, then by octets without case: most comparisons end at the length.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| {
        let lower = |octets: &'_ [u8], at: usize| octets[at].to_ascii_lowercase();
        (0..one.len())
            .map(|at| lower(one, at).cmp(&lower(other, at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

/// Whether a field name (RFC 5322 section 3.6.8) can stand in `h=`: one with a semicolon would end
/// the tag.
fn fits_into_h(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|&octet| octet.is_ascii_graphic() && octet != b':' && octet != b';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::LeadingSpace;

    fn names_of(selection: &HeaderSelection, names: &[&[u8]]) -> Vec<usize> {
        let mut section = HeaderSection::default();
        for name in names {
            section.push(name, b" x", LeadingSpace::Kept);
        }
        selection.choose(&section)
    }

    #[test]
    fn listed_names_are_signed_in_any_case_and_from_always() {
        let listed = FieldNames::new(["X-Two", "a"]);
        assert!(listed.contains(b"x-TWO") && listed.contains(b"A"));
        assert!(!listed.contains(b"x-tw") && !listed.contains(b""));
        let selection = HeaderSelection::default().choosing(Arc::new(listed));
        let names: [&[u8]; 5] = [b"Subject", b"FROM", b"x-two \t", b"B", b"A"];
        assert_eq!(names_of(&selection, &names), [1, 2, 4]);
        assert_eq!(names_of(&HeaderSelection::default(), &names), [0, 1]);
    }

    #[test]
    fn a_field_whose_name_would_break_the_tag_list_is_not_signed() {
        #[derive(Debug)]
        struct All;
        impl FieldChoice for All {
            fn chooses(&self, _: &[u8]) -> bool {
                true
            }
        }
        let all = HeaderSelection::default().choosing(Arc::new(All));
        assert_eq!(names_of(&all, &[b"X;b", b"X b", b"X-\xe9", b"X"]), [3]);
    }

    #[test]
    fn only_names_of_fields_can_be_oversigned() {
        for bad in ["", "a:b", "a;b", "a b", "\u{e9}"] {
            let error = HeaderSelection::default()
                .oversigning(vec!["From".to_owned(), bad.to_owned()])
                .unwrap_err();
            assert_eq!(error.name, bad);
        }
    }
}
