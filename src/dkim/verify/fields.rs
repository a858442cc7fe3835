//! Which fields a signature covers, and the hash over them (RFC 6376 sections 3.7 and 5.4.2).

use std::cmp::Ordering;

use aws_lc_rs::digest;

use super::signature::Signature;
use crate::{
    Algorithm,
    canon::{canonical_field, canonical_signature_field},
    header::{Field, HeaderSection},
    public_key::HashValue,
};

/// The fields of one message in the order of their names, so that a long `h=` on a long header
/// section costs no more than it must.
#[derive(Debug)]
pub(super) struct FieldIndex(Vec<usize>);

impl FieldIndex {
    pub fn new(section: &HeaderSection) -> Self {
        let mut order: Vec<usize> = (0..section.len()).collect();
        order.sort_by(|a, b| compare(name_at(section, *a), name_at(section, *b)));
        Self(order)
    }

    /// The fields that the names choose, each name the lowest field not chosen before; names
    /// without a field left choose nothing. `own`, the signature itself, is never chosen.
    pub fn choose(&self, section: &HeaderSection, names: &[Box<str>], own: usize) -> Vec<usize> {
        const UNTOUCHED: usize = usize::MAX;
        let mut ends = vec![UNTOUCHED; self.0.len()];
        let mut chosen = Vec::with_capacity(names.len());
        for name in names {
            let name = name.as_bytes();
            let below = |index: &usize| compare(name_at(section, *index), name) == Ordering::Less;
            let start = self.0.partition_point(below);
            let same = |index: &usize| compare(name_at(section, *index), name).is_eq();
            let run = self.0[start..].partition_point(same);
            if run == 0 {
                continue;
            }
            let end = &mut ends[start];
            if *end == UNTOUCHED {
                *end = start + run;
            }
            while *end > start {
                *end -= 1;
                if self.0[*end] != own {
                    chosen.push(self.0[*end]);
                    break;
                }
            }
        }
        chosen
    }
}

fn name_at(section: &HeaderSection, index: usize) -> &[u8] {
    section.get(index).map_or(&[], |field| field.bare_name())
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let lower = |octet: &u8| octet.to_ascii_lowercase();
    a.iter().map(lower).cmp(b.iter().map(lower))
}

/// Hands the canonical header section that the signature covers to `sink`, piece by piece.
pub(super) fn canonical_header(
    section: &HeaderSection,
    chosen: &[usize],
    own: usize,
    signature: &Signature,
    mut sink: impl FnMut(&[u8]),
) {
    let canon = signature.canonicalization.header;
    let mut piece = Vec::with_capacity(1024);
    for field in chosen.iter().filter_map(|index| section.get(*index)) {
        piece.clear();
        canonical_field(canon, field, &mut piece);
        sink(&piece);
    }
    if let Some(field) = section.get(own) {
        piece.clear();
        let value = signature.without_signature(field.value);
        let field = Field {
            name: field.name,
            value: &value,
        };
        canonical_signature_field(canon, field, &mut piece);
        sink(&piece);
    }
}

/// The hash that the signature signs.
pub(super) fn header_hash(
    section: &HeaderSection,
    chosen: &[usize],
    own: usize,
    signature: &Signature,
) -> HashValue {
    let hash = |algorithm| {
        let mut context = digest::Context::new(algorithm);
        canonical_header(section, chosen, own, signature, |piece| {
            context.update(piece)
        });
        context.finish()
    };
    match signature.algorithm {
        Algorithm::RsaSha256 | Algorithm::Ed25519Sha256 => {
            let mut octets = [0; 32];
            octets.copy_from_slice(hash(&digest::SHA256).as_ref());
            HashValue::Sha256(octets)
        }
        Algorithm::RsaSha1 => {
            let mut octets = [0; 20];
            octets.copy_from_slice(hash(&digest::SHA1_FOR_LEGACY_USE_ONLY).as_ref());
            HashValue::Sha1(octets)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::LeadingSpace;

    fn chosen(fields: &[&str], names: &str, own: usize) -> Vec<usize> {
        let mut section = HeaderSection::default();
        for field in fields {
            section.push(field.as_bytes(), b" x", LeadingSpace::Kept);
        }
        let names: Vec<Box<str>> = names.split(':').map(Into::into).collect();
        FieldIndex::new(&section).choose(&section, &names, own)
    }

    #[test]
    fn fields_are_taken_from_the_bottom_up_and_then_there_are_none() {
        let fields = ["A", "To", "a", "to "];
        assert_eq!(chosen(&fields, "to:A:TO:a:a:to", 9), [3, 2, 1, 0]);
    }

    #[test]
    fn a_name_that_is_absent_takes_nothing_from_the_next_one() {
        let fields = ["Content-Type", "From", "Subject"];
        assert_eq!(
            chosen(&fields, "cc:content-type:date:from:sender:z:subject", 9),
            [0, 1, 2]
        );
    }

    #[test]
    fn a_signature_never_covers_itself() {
        let fields = ["DKIM-Signature", "From", "DKIM-Signature"];
        assert_eq!(
            chosen(&fields, "dkim-signature:dkim-signature:from", 0),
            [2, 1]
        );
    }
}
