//! What is asked of a verifier beside the standards.

use std::time::Duration;

use crate::{
    name::{Domain, ascii_name},
    outcome::KeyProtection,
};

/// What is the same for every message verified under one configuration. New fields may come: begin with
/// `..VerificationPolicy::default()`.
#[derive(Clone, Debug)]
pub struct VerificationPolicy {
    /// Which signatures are verified, of a message that bears many.
    pub limit: SignatureLimit,
    /// How many distinct key names one message may ask DNS for.
    pub maximum_key_names: usize,
    /// RSA keys with fewer bits are refused, however well the signature fits.
    pub minimum_key_bits: u32,
    /// Whether rsa-sha1 may pass, against RFC 8301.
    pub allow_sha1: bool,
    /// How far clocks may differ where `t=` and `x=` are judged.
    pub clock_drift: Duration,
    /// Names of fields that must be covered where they are present.
    pub must_be_signed: Vec<String>,
    /// How much of the body must be covered where `l=` leaves some of it out; `None`: anything goes.
    pub minimum_body: Option<MinimumBody>,
    /// What becomes of a good signature whose key lies in a zone without DNSSEC.
    pub unprotected_key: KeyProtection,
    /// What becomes of a good signature whose key DNSSEC calls forged.
    pub bogus_key: KeyProtection,
    /// Treat bare CR and bare LF of the body as line ends before hashing.
    pub fix_crlf: bool,
}

/// Which signatures are verified at all.
#[derive(Clone, Debug)]
pub struct SignatureLimit {
    /// At most so many, those of the author's domain first, the rest from the top; 0: only those of
    /// the author's domain and trusted ones.
    pub maximum: usize,
    /// Signatures of these domains are always verified, and counted first.
    pub trusted: Vec<Domain>,
}

/// How much of the body must be covered where `l=` leaves some of it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumBody {
    /// `n`: at least so many canonical octets, or the whole body if it is shorter.
    Octets(u64),
    /// `n%`: at least this share of the canonical body.
    Percent(u8),
    /// `n+`: at most so many canonical octets left out.
    LeftOut(u64),
}

impl Default for VerificationPolicy {
    /// What RFC 8301 demands: no rsa-sha1, RSA keys from 1,024 bits. Three signatures of a message are
    /// verified, times may be five minutes off, and a forged key counts for nothing.
    fn default() -> Self {
        Self {
            limit: SignatureLimit {
                maximum: 3,
                trusted: Vec::new(),
            },
            maximum_key_names: 10,
            minimum_key_bits: 1024,
            allow_sha1: false,
            clock_drift: Duration::from_secs(300),
            must_be_signed: Vec::new(),
            minimum_body: None,
            unprotected_key: KeyProtection::Ignore,
            bogus_key: KeyProtection::Fail,
            fix_crlf: false,
        }
    }
}

/// How soon a signature is verified, the soonest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// `d=` is trusted.
    Trusted,
    /// `d=` is the author's domain.
    Author,
    /// `d=` is below the author's domain or above it: what counts for DMARC is among these, and no
    /// list of public suffixes is needed to say so.
    Kin,
    /// Any other `d=`.
    Foreign,
    /// No signature. It costs no more than its parsing, so it is judged always and counts for nothing.
    Malformed,
}

impl SignatureLimit {
    /// Where a signature of `domain` stands on a message of `author` (a name in lower case with
    /// A-labels).
    pub(super) fn standing(&self, domain: &Domain, author: Option<&str>) -> Standing {
        if self.trusted.contains(domain) {
            return Standing::Trusted;
        }
        let (Some(author), Some(domain)) = (author, ascii_name(domain.as_str())) else {
            return Standing::Foreign;
        };
        let below = |name: &str, above: &str| {
            name.strip_suffix(above)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        if *domain == *author {
            Standing::Author
        } else if below(&domain, author) || below(author, &domain) {
            Standing::Kin
        } else {
            Standing::Foreign
        }
    }

    /// The signatures that are verified, by their places in `standings`, in the order in which that
    /// is done: strangers' signatures on top never push the author's out.
    pub(super) fn admit(&self, standings: &[Standing]) -> Vec<usize> {
        let of = |place: &usize| standings[*place];
        let mut order: Vec<usize> = (0..standings.len())
            .filter(|place| of(place) != Standing::Malformed)
            .collect();
        order.sort_by_key(of);
        if self.maximum == 0 {
            order.retain(|place| of(place) <= Standing::Author);
        } else {
            let trusted = order.partition_point(|place| of(place) == Standing::Trusted);
            order.truncate(trusted.max(self.maximum));
        }
        order
    }
}

impl MinimumBody {
    /// Whether covering `covered` of `length` canonical octets is enough.
    pub(super) fn is_met(self, covered: u64, length: u64) -> bool {
        match self {
            Self::Octets(least) => covered >= least.min(length),
            Self::Percent(share) => {
                u128::from(covered) * 100 >= u128::from(length) * u128::from(share.min(100))
            }
            Self::LeftOut(most) => length.saturating_sub(covered) <= most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(domain: &str, author: &str) -> Standing {
        let limit = SignatureLimit {
            maximum: 3,
            trusted: vec![Domain::parse("C.example").unwrap()],
        };
        limit.standing(&Domain::parse(domain).unwrap(), Some(author))
    }

    #[test]
    fn what_stands_in_one_line_with_the_author_is_kin() {
        for (domain, expected) in [
            ("c.example", Standing::Trusted),
            ("Mail.Example.com", Standing::Author),
            ("example.com", Standing::Kin),
            ("a.mail.example.com", Standing::Kin),
            ("com", Standing::Kin),
            ("xmail.example.com", Standing::Foreign),
            ("other.example.com", Standing::Foreign),
            ("example.net", Standing::Foreign),
        ] {
            assert_eq!(standing(domain, "mail.example.com"), expected, "{domain}");
        }
        assert_eq!(
            standing("b\u{fc}cher.example", "xn--bcher-kva.example"),
            Standing::Author
        );
    }

    #[test]
    fn trusted_domains_use_the_limit_up_first_then_the_authors_and_malformed_ones_never() {
        use Standing::{Author, Foreign, Kin, Malformed, Trusted};
        let admit = |maximum, standings: &[Standing]| {
            let limit = SignatureLimit {
                maximum,
                trusted: Vec::new(),
            };
            limit.admit(standings)
        };
        let mixed = [Foreign, Malformed, Author, Trusted, Kin, Foreign];
        assert_eq!(admit(1, &mixed), [3]);
        assert_eq!(admit(2, &mixed), [3, 2]);
        assert_eq!(admit(4, &mixed), [3, 2, 4, 0]);
        assert_eq!(admit(9, &mixed), [3, 2, 4, 0, 5]);
        assert_eq!(admit(0, &mixed), [3, 2]);
        assert_eq!(admit(1, &[Trusted, Trusted, Author]), [0, 1]);
        assert_eq!(admit(1, &[Malformed, Malformed, Foreign]), [2]);
    }

    #[test]
    fn minimum_counts_octets_shares_and_what_is_left_out() {
        assert!(MinimumBody::Octets(10).is_met(10, 50) && !MinimumBody::Octets(10).is_met(9, 50));
        assert!(
            MinimumBody::Octets(10).is_met(5, 5),
            "a short body covered whole"
        );
        assert!(
            MinimumBody::Percent(50).is_met(25, 50) && !MinimumBody::Percent(50).is_met(24, 50)
        );
        assert!(MinimumBody::LeftOut(3).is_met(47, 50) && !MinimumBody::LeftOut(3).is_met(46, 50));
    }
}
