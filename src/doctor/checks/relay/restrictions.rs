//! What lists of SMTP restrictions say to a stranger who wants mail passed on
//! (`smtpd_relay_restrictions(5)` and its sisters).

use dkimd_postfix::main_cf::words;

/// What a list says to a stranger whose recipient is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Yes, before anything said no.
    Permit,
    /// No.
    Reject,
    /// Nothing: the next list decides.
    Nothing,
}

/// Restrictions that take what follows them as their argument.
const WITH_ARGUMENT: [&str; 4] = ["check_", "reject_rbl_client", "reject_rhsbl_", "sleep"];
/// Restrictions that say no to whatever is not for this server.
const CLOSING: [&str; 5] = [
    "reject_unauth_destination",
    "defer_unauth_destination",
    "reject",
    "defer",
    "defer_if_permit",
];

/// Walks a list as a stranger: no network of ours, no password, a recipient elsewhere.
pub(super) fn to_a_stranger(list: &str) -> Word {
    let mut items = words(list).into_iter();
    while let Some(item) = items.next() {
        let item = item.to_ascii_lowercase();
        if item == "warn_if_reject" {
            // The one behind it only warns.
            items.next();
        } else if WITH_ARGUMENT.iter().any(|prefix| item.starts_with(prefix)) {
            // A table that says the same to everybody; what others say is theirs to know.
            let argument = items.next().unwrap_or_default();
            if argument.eq_ignore_ascii_case("static:ok") {
                return Word::Permit;
            }
        } else if CLOSING.contains(&item.as_str()) {
            return Word::Reject;
        } else if item == "permit" {
            return Word::Permit;
        }
    }
    Word::Nothing
}

/// Whether a list holds anything that Postfix counts as a barrier: without one in either of the
/// two lists about relaying its service does not start.
pub(super) fn has_barrier(list: &str) -> bool {
    words(list)
        .iter()
        .any(|item| CLOSING.contains(&item.to_ascii_lowercase().as_str()))
}

/// Whether a list trusts `mynetworks`.
pub(super) fn trusts_networks(list: &str) -> bool {
    words(list)
        .iter()
        .any(|item| item.eq_ignore_ascii_case("permit_mynetworks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_told_what_the_first_decisive_restriction_says() {
        for (list, word) in [
            (
                "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
                Word::Reject,
            ),
            (
                "permit_mynetworks reject_unauth_destination permit",
                Word::Reject,
            ),
            ("permit", Word::Permit),
            (
                "permit_mynetworks, permit, reject_unauth_destination",
                Word::Permit,
            ),
            ("permit_mynetworks", Word::Nothing),
            ("", Word::Nothing),
            ("warn_if_reject reject_unauth_destination", Word::Nothing),
            (
                "check_recipient_access hash:/reject, reject_rbl_client zen.spamhaus.org",
                Word::Nothing,
            ),
            ("reject_unknown_client_hostname, reject", Word::Reject),
            (
                "check_client_access static:OK, reject_unauth_destination",
                Word::Permit,
            ),
        ] {
            assert_eq!(to_a_stranger(list), word, "{list}");
        }
    }
}
