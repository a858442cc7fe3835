//! What an administrator asks of a verifier.

use std::time::Duration;

use crate::name::Domain;

/// The same for every message verified under one configuration.
#[derive(Clone, Debug)]
pub struct VerificationPolicy {
    /// MaximumSignaturesToVerify and TrustSignaturesFrom.
    pub limit: SignatureLimit,
    /// How many distinct key names one message may ask DNS for.
    pub maximum_key_names: usize,
    /// MinimumKeyBits, for RSA.
    pub minimum_key_bits: u32,
    /// Whether rsa-sha1 may pass, against RFC 8301.
    pub allow_sha1: bool,
    /// ClockDrift.
    pub clock_drift: Duration,
    /// MustBeSigned: fields that must be covered where they are present.
    pub must_be_signed: Vec<String>,
    /// Minimum.
    pub minimum_body: Option<MinimumBody>,
    /// UnprotectedKey.
    pub unprotected_key: KeyProtection,
    /// BogusKey.
    pub bogus_key: KeyProtection,
    /// FixCRLF.
    pub fix_crlf: bool,
}

/// Which signatures are verified at all.
#[derive(Clone, Debug)]
pub struct SignatureLimit {
    /// At most so many, from the top; 0: only those of the author's domain and trusted ones.
    pub maximum: usize,
    /// TrustSignaturesFrom: always verified, and counted first.
    pub trusted: Vec<Domain>,
}

/// Minimum: how much of the body must be covered where `l=` leaves some of it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumBody {
    /// `n`: at least so many canonical octets, or the whole body if it is shorter.
    Octets(u64),
    /// `n%`: at least this share of the canonical body.
    Percent(u8),
    /// `n+`: at most so many canonical octets left out.
    LeftOut(u64),
}

/// What becomes of a good signature whose key DNSSEC does not protect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyProtection {
    /// `none`: it passes.
    #[default]
    Ignore,
    /// `neutral`.
    Neutral,
    /// `fail`.
    Fail,
}

impl Default for VerificationPolicy {
    /// OpenDKIM's defaults, and RFC 8301.
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

impl SignatureLimit {
    /// Marks which signatures are verified, given the `d=` of each where it could be read.
    ///
    /// A field without readable `d=` costs no more than its parsing, so it is judged always but
    /// counts like the others.
    pub(super) fn admit(&self, domains: &[Option<&Domain>], author: Option<&str>) -> Vec<bool> {
        let trusted = |domain: &Option<&Domain>| domain.is_some_and(|d| self.trusted.contains(d));
        if self.maximum == 0 {
            let of_author = |domain: &Option<&Domain>| {
                domain.is_some_and(|d| author.is_some_and(|a| d.as_str().eq_ignore_ascii_case(a)))
            };
            return domains.iter().map(|d| of_author(d) || trusted(d)).collect();
        }
        let mut admitted = vec![false; domains.len()];
        let mut room = self.maximum;
        for only_trusted in [true, false] {
            for (index, domain) in domains.iter().enumerate() {
                let wanted = match only_trusted {
                    true => trusted(domain),
                    false => room > 0 && !admitted[index],
                };
                if wanted {
                    admitted[index] = true;
                    room = room.saturating_sub(1);
                }
            }
        }
        admitted
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

    #[test]
    fn trusted_domains_use_the_limit_up_first_and_the_rest_goes_from_the_top() {
        let names = ["a.example", "b.example", "c.example", "d.example"];
        let domains: Vec<Domain> = names.iter().map(|n| Domain::parse(n).unwrap()).collect();
        let asked: Vec<Option<&Domain>> = domains.iter().map(Some).collect();
        let limit = |maximum| SignatureLimit {
            maximum,
            trusted: vec![Domain::parse("C.example").unwrap()],
        };
        let admit = |maximum| limit(maximum).admit(&asked, Some("B.EXAMPLE"));
        assert_eq!(admit(1), [false, false, true, false]);
        assert_eq!(admit(2), [true, false, true, false]);
        assert_eq!(admit(9), [true; 4]);
        assert_eq!(admit(0), [false, true, true, false]);
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
