//! Block lists that this host's own Postfix asks about others, as dead or unanswering ones make it
//! refuse everybody's mail.

use super::lists::is_dead;
use crate::codes;
use dkimd_advice::{Finding, text, text::Text};
use dkimd_postfix::{Postfix, main_cf::words};

/// A list in Postfix's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// Its zone.
    pub zone: String,
    /// The parameter.
    pub parameter: &'static str,
    /// As it is written there.
    pub written: String,
    /// Whether only certain answers count.
    filtered: bool,
}

const RESTRICTIONS: [&str; 6] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
];
const REJECTS: [&str; 5] = [
    "reject_rbl_client",
    "reject_rhsbl_client",
    "reject_rhsbl_helo",
    "reject_rhsbl_sender",
    "reject_rhsbl_recipient",
];

/// The lists by which Postfix refuses mail, each once.
pub(super) fn used(postfix: &Postfix) -> Vec<Used> {
    let mut found: Vec<Used> = Vec::new();
    let overrides = postfix.services.iter().flat_map(|service| {
        let of = |parameter| Some((parameter, service.overrides.get(parameter)?.as_str()));
        RESTRICTIONS.into_iter().filter_map(of)
    });
    let main = RESTRICTIONS.map(|parameter| (parameter, postfix.main.value(parameter)));
    for (parameter, value) in main.into_iter().chain(overrides) {
        let words = words(value);
        for pair in words.windows(2).filter(|pair| REJECTS.contains(&pair[0])) {
            let written = pair[1];
            let (zone, filter) = match written.split_once('=') {
                Some((zone, filter)) => (zone, Some(filter)),
                None => (written, None),
            };
            let used = Used {
                zone: zone.trim_end_matches('.').to_ascii_lowercase(),
                parameter,
                written: format!("{} {written}", pair[0]),
                filtered: filter.is_some(),
            };
            if !found.iter().any(|known| known.zone == used.zone) {
                found.push(used);
            }
        }
    }
    found
}

impl Used {
    /// Where what is never listed would be.
    pub(super) fn never(&self) -> Option<String> {
        let by_address = self.written.starts_with("reject_rbl_client");
        let label = if by_address { "1.0.0.127" } else { "invalid" };
        (!self.filtered).then(|| format!("{label}.{}", self.zone))
    }

    /// The list is no more.
    pub(super) fn dead(&self) -> Option<Finding> {
        let (zone, parameter) = (&self.zone, self.parameter);
        is_dead(zone).then(|| {
            Finding::warn(
                codes::BLOCK_LISTS_DEAD,
                zone,
                text!("Postfix asks {zone} about senders, a block list that is no more"),
            )
            .evidence(format!("{parameter}: {}", self.written))
            .why(text!(
                "each mail waits for an answer that does not come, and the day the name answers \
                 everything, all incoming mail is refused"
            ))
            .command(format!("postconf {parameter}"))
            .advice(self.take_out())
        })
    }

    /// The list answers about what is never listed, and Postfix takes any answer for a listing.
    pub(super) fn refuses_everybody(&self, answer: &str) -> Finding {
        let (zone, parameter) = (&self.zone, self.parameter);
        Finding::fail(
            codes::BLOCK_LISTS_REFUSE_ALL,
            zone,
            text!(
                "Postfix refuses all incoming mail because of {zone}: the list answers even about \
                 what is never listed"
            ),
        )
        .evidence(answer)
        .evidence(format!("{parameter}: {}", self.written))
        .why(text!(
            "lists answer 127.255.255.x to resolvers that they don't serve, and dead lists answer \
             anything; Postfix takes that for a listing unless the answers are named"
        ))
        .advice(self.take_out())
        .advice(text!(
            "or ask through a resolver of your own, and count its answers only: \
             reject_rbl_client zen.spamhaus.org=127.0.0.[2..11]"
        ))
    }

    fn take_out(&self) -> Text {
        let (parameter, written) = (self.parameter, &self.written);
        text!("take `{written}` out of {parameter} (postconf -e), then postfix reload")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_in_restrictions_with_and_without_filters() {
        let postfix = Postfix::from_texts(
            "smtpd_recipient_restrictions = permit_mynetworks, reject_rbl_client \
                 zen.spamhaus.org=127.0.0.[2..11], reject_rbl_client dnsbl.sorbs.net, \
                 reject_rhsbl_sender dbl.spamhaus.org, permit\n\
                 smtpd_client_restrictions = reject_rbl_client DNSBL.sorbs.net\n",
            "smtp inet n - y - - smtpd\n",
            "smtp/inet/smtpd_client_restrictions = reject_rbl_client bl.spamcop.net\n",
        );
        let found = used(&postfix);
        let zones: Vec<_> = found.iter().map(|used| used.zone.as_str()).collect();
        assert_eq!(
            zones,
            [
                "dnsbl.sorbs.net",
                "zen.spamhaus.org",
                "dbl.spamhaus.org",
                "bl.spamcop.net"
            ]
        );
        assert!(found[0].dead().is_some() && found[1].dead().is_none());
        let never: Vec<_> = found.iter().filter_map(Used::never).collect();
        assert_eq!(
            never,
            [
                "1.0.0.127.dnsbl.sorbs.net",
                "invalid.dbl.spamhaus.org",
                "1.0.0.127.bl.spamcop.net"
            ]
        );
    }
}
