//! The two canonical byte streams of a signature, to be compared with a signer's.

use std::io::{self, Write};

use dkim_core::{
    canon::{BodyCanonicalizer, LineEndRepair},
    verify::{Signature, SignatureResult, hashed_header},
};
use dkimd_message::MessageFile;

/// What a signature hashes.
pub struct Streams {
    /// The chosen fields, the signature's own last.
    pub header: Vec<u8>,
    /// The body, up to `l=`.
    pub body: Vec<u8>,
}

impl Streams {
    /// The streams of a signature; `None` if its syntax is wrong.
    pub fn of(message: &MessageFile, result: &SignatureResult, fix_crlf: bool) -> Option<Self> {
        let signature = result.signature.as_ref()?;
        Some(Self {
            header: hashed_header(&message.section, result.field, signature),
            body: canonical_body(message, signature, fix_crlf),
        })
    }

    /// Writes both, each octet as it is, between lines that tell their lengths.
    pub fn write(&self, out: &mut impl Write, number: usize) -> io::Result<()> {
        for (what, octets) in [("header", &self.header), ("body", &self.body)] {
            writeln!(
                out,
                "----- signature {number}: canonical {what}, {} octets -----",
                octets.len()
            )?;
            out.write_all(octets)?;
            writeln!(out, "\n----- end of canonical {what} -----")?;
        }
        Ok(())
    }
}

fn canonical_body(message: &MessageFile, signature: &Signature, fix_crlf: bool) -> Vec<u8> {
    let mut canonical = Vec::new();
    let mut sink = |octets: &[u8]| canonical.extend_from_slice(octets);
    let mut canonicalizer = BodyCanonicalizer::new(signature.canonicalization.body);
    if fix_crlf {
        let mut repair = LineEndRepair::default();
        message.feed_body(|octets| {
            repair.update(octets, &mut |piece: &[u8]| {
                canonicalizer.update(piece, &mut sink);
            });
        });
        repair.finish(&mut |piece: &[u8]| canonicalizer.update(piece, &mut sink));
    } else {
        message.feed_body(|octets| canonicalizer.update(octets, &mut sink));
    }
    canonicalizer.finish(&mut sink);
    if let Some(length) = signature.body_length {
        canonical.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    }
    canonical
}
