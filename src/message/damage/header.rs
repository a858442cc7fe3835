//! What was done to the signed header fields: undone edit by edit, alone and in pairs, until the
//! signature fits again. What is found is therefore proved, not guessed.

use aws_lc_rs::digest;

use dkim_core::{
    Algorithm,
    header::{HeaderSection, LeadingSpace},
    public_key::{HashValue, PublicKey},
    verify::{Signature, hashed_header},
};

/// Single edits that are tried; their pairs are tried too.
const MAX_EDITS: usize = 120;

/// What the header section came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderState {
    /// Signature, key and header belong together.
    Whole,
    /// These edits were made after signing.
    Edited(Vec<Edit>),
    /// The key is the signer's, so a field was changed; which one is not known.
    SomeFieldChanged,
    /// The signature was not made with this key (or the signature itself was damaged).
    OtherKey,
    /// Field or key: an Ed25519 key does not tell.
    Unknown,
}

/// An edit that was made after signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A field was added.
    Added {
        /// The field's name.
        name: String,
        /// What it says.
        value: String,
    },
    /// A field was changed.
    Changed {
        /// The field's name.
        name: String,
        /// What was signed.
        was: String,
        /// What it says now.
        is: String,
    },
}

impl Edit {
    /// The field's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Added { name, .. } | Self::Changed { name, .. } => name,
        }
    }
}

/// How an edit is undone: the field at an index gets another value, or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Undo {
    index: usize,
    value: Option<Vec<u8>>,
}

/// The fields and the signature among them, and the key that is published for it.
#[derive(Debug)]
pub struct Signed<'a> {
    /// The fields as they were received.
    pub section: &'a HeaderSection,
    /// Where the signature stands.
    pub field: usize,
    /// What it says.
    pub signature: &'a Signature,
    /// The key that its domain publishes.
    pub key: &'a PublicKey,
}

impl Signed<'_> {
    /// Whether the header section is as it was signed, and what was changed where that can be proved.
    pub fn state(&self) -> HeaderState {
        if self.fits(&[]) {
            return HeaderState::Whole;
        }
        let undoings = self.undoings();
        for undo in &undoings {
            if self.fits(&[undo]) {
                return HeaderState::Edited(vec![self.edit(undo)]);
            }
        }
        for (number, first) in undoings.iter().enumerate() {
            for second in &undoings[number + 1..] {
                if first.index != second.index && self.fits(&[first, second]) {
                    return HeaderState::Edited(vec![self.edit(first), self.edit(second)]);
                }
            }
        }
        match (
            self.key.is_rsa(),
            self.key.signed_digest(&self.signature.signature),
        ) {
            (true, Some(_)) => HeaderState::SomeFieldChanged,
            (true, None) => HeaderState::OtherKey,
            (false, _) => HeaderState::Unknown,
        }
    }

    /// Whether the signature fits once these edits are undone.
    fn fits(&self, undoings: &[&Undo]) -> bool {
        let mut section = HeaderSection::default();
        let mut own = 0;
        for (index, field) in self.section.iter().enumerate() {
            let undo = undoings.iter().find(|undo| undo.index == index);
            let value = match undo {
                Some(Undo { value: None, .. }) => continue,
                Some(Undo {
                    value: Some(value), ..
                }) => value.as_slice(),
                None => field.value,
            };
            if index == self.field {
                own = section.len();
            }
            section.push(field.name, value, LeadingSpace::Kept);
        }
        let octets = hashed_header(&section, own, self.signature);
        let hash = match self.signature.algorithm {
            Algorithm::RsaSha1 => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &octets)
                .as_ref()
                .try_into()
                .map(HashValue::Sha1),
            Algorithm::RsaSha256 | Algorithm::Ed25519Sha256 => {
                digest::digest(&digest::SHA256, &octets)
                    .as_ref()
                    .try_into()
                    .map(HashValue::Sha256)
            }
        };
        hash.is_ok_and(|hash| self.key.verify(&hash, &self.signature.signature).is_ok())
    }

    fn edit(&self, undo: &Undo) -> Edit {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().replace("\r\n", "");
        let field = self.section.get(undo.index);
        let name = field.map_or_else(String::new, |field| text(field.bare_name()));
        let is = field.map_or_else(String::new, |field| text(field.value));
        match &undo.value {
            None => Edit::Added { name, value: is },
            Some(was) => Edit::Changed {
                name,
                was: text(was),
                is,
            },
        }
    }

    /// Everything worth trying, what is likely first.
    fn undoings(&self) -> Vec<Undo> {
        let mut undoings = Vec::new();
        let copied = self.copied_fields();
        for (index, field) in self.section.iter().enumerate() {
            let name = String::from_utf8_lossy(field.bare_name()).to_ascii_lowercase();
            let signed = self
                .signature
                .signed_fields
                .iter()
                .any(|signed| signed.eq_ignore_ascii_case(&name));
            if !signed || index == self.field {
                continue;
            }
            let set = |value: Vec<u8>| Undo {
                index,
                value: Some(value),
            };
            for (_, value) in copied.iter().filter(|(known, _)| *known == name) {
                undoings.push(set(value.clone()));
            }
            let known: Vec<Vec<u8>> = match name.as_str() {
                "subject" => untagged(field.value),
                "from" => self.other_authors(),
                "content-transfer-encoding" => [" 8bit", " 7bit", " quoted-printable", " base64"]
                    .map(|value| value.as_bytes().to_vec())
                    .to_vec(),
                _ => Vec::new(),
            };
            undoings.extend(known.into_iter().map(set));
            undoings.push(Undo { index, value: None });
            undoings.extend(refolded(field.value).into_iter().map(set));
        }
        undoings.truncate(MAX_EDITS);
        undoings
    }

    /// Whom From may have named before a list rewrote it.
    fn other_authors(&self) -> Vec<Vec<u8>> {
        [
            "Reply-To",
            "X-Original-From",
            "X-Original-Sender",
            "Original-From",
            "X-Mailman-Original-From",
        ]
        .iter()
        .flat_map(|name| self.section.named(name.as_bytes()))
        .map(|field| field.value.to_vec())
        .collect()
    }

    /// `z=`: the fields as they were when they were signed.
    fn copied_fields(&self) -> Vec<(String, Vec<u8>)> {
        let copied = self.signature.copied_fields.as_deref().unwrap_or_default();
        copied
            .split('|')
            .filter_map(|field| {
                let dense: String = field.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                let (name, value) = dense.split_once(':')?;
                let value = super::mime::decode_quoted_printable(value.as_bytes())?;
                Some((name.to_ascii_lowercase(), value))
            })
            .collect()
    }
}

/// A subject without the marks that lists and filters put before it: `[list] `, `***SPAM*** `.
fn untagged(value: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(value);
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    // A reply keeps its `Re: ` before the mark.
    let reply = ["Re: ", "RE: ", "Fwd: ", "FW: ", "RV: "]
        .into_iter()
        .find(|head| rest.starts_with(head));
    let head = reply.unwrap_or_default();
    rest = &rest[head.len()..];
    for _ in 0..3 {
        let end = match rest.chars().next() {
            Some('[') => rest.find(']').map(|at| at + 1),
            Some('*' | '{' | '(') => rest.find(char::is_whitespace),
            _ if rest.starts_with("SPAM:") || rest.starts_with("EXTERNAL:") => {
                rest.find(':').map(|at| at + 1)
            }
            _ => None,
        };
        let Some(end) = end else { break };
        rest = rest[end..].trim_start();
        found.push(format!(" {head}{rest}").into_bytes());
        if !head.is_empty() {
            found.push(format!(" {rest}").into_bytes());
        }
    }
    found
}

/// The same value folded otherwise, which a header canonicalization of `simple` does not forgive.
fn refolded(value: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(value);
    let unfolded = text.replace("\r\n", "");
    [
        unfolded.replace('\t', " "),
        text.replace("\r\n\t", "\r\n "),
        text.replace("\r\n ", "\r\n\t"),
        unfolded,
        text.strip_prefix(' ').unwrap_or(&text).to_owned(),
        format!(" {}", text.trim_start()),
        text.trim_end().to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .filter(|refolded| refolded != value)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_lists_and_filters_are_taken_off_a_subject() {
        let first = |value: &str| {
            let found = untagged(value.as_bytes());
            found
                .first()
                .map(|value| String::from_utf8(value.clone()).unwrap())
        };
        for (value, was) in [
            (" [list] hello", Some(" hello")),
            (" Re: [list] hello", Some(" Re: hello")),
            (" ***SPAM*** hello", Some(" hello")),
            (" {Spam?} hello", Some(" hello")),
            (" hello", None),
            ("", None),
        ] {
            assert_eq!(first(value).as_deref(), was, "{value}");
        }
    }

    #[test]
    fn a_value_folded_otherwise_is_tried() {
        let tried = refolded(b" a\r\n\tb");
        assert!(tried.contains(&b" a b".to_vec()));
        assert!(tried.contains(&b" a\r\n b".to_vec()));
        assert!(!tried.contains(&b" a\r\n\tb".to_vec()));
    }
}
