//! What any server may say: texts first, then numbers that RFCs give a meaning.

use super::{Pattern, Speaker, codes, says};
use crate::refusal::causes::*;

pub(super) const TEXTS: &[Pattern] = {
    use Speaker::Anyone;
    &[
        says(
            Anyone,
            &[
                "duplicate header 'dkim-signature'",
                "duplicate header dkim-signature",
            ],
            DUPLICATE_SIGNATURE,
        ),
        says(
            Anyone,
            &[
                "missing a valid address in from",
                "missing a valid address in the from",
                "multiple addresses in from",
                "multiple addresses in the from",
            ],
            FROM_FORM,
        ),
        says(
            Anyone,
            &["email address is not verified", "sender not verified"],
            NOT_VERIFIED,
        ),
        says(
            Anyone,
            &["open resolver", "/returnc/", "error: excessive"],
            LIST_MISUSED,
        ),
        says(
            Anyone,
            &["greylist", "graylist", "grey-list", "grey listed"],
            GREYLISTED,
        ),
        says(Anyone, &["tosa@rx.t-online.de"], T_ONLINE),
        says(
            Anyone,
            &["proofpoint.com/dnsbl", "ipcheck.proofpoint"],
            PROOFPOINT,
        ),
        says(
            Anyone,
            &[
                "spamhaus.org/pbl",
                "spamhaus pbl",
                "pbl.spamhaus",
                "dynamic ip",
                "dialup",
            ],
            POLICY_LISTED,
        ),
        says(
            Anyone,
            &[
                "blocked using",
                "spamhaus",
                "spamcop",
                "barracuda",
                "dnsbl",
                "blacklist",
                "block list",
                "blocklist",
                "listed in",
                "listed by",
            ],
            LISTED,
        ),
        says(
            Anyone,
            &[
                "helo command rejected",
                "ehlo command rejected",
                "helo/ehlo argument",
                "invalid helo",
                "bad helo",
            ],
            HELO,
        ),
        says(
            Anyone,
            &[
                "sender address rejected: domain not found",
                "domain of sender address",
                "sender domain must exist",
                "sender verify failed",
                "unresolvable address",
            ],
            SENDER_DOMAIN,
        ),
        says(
            Anyone,
            &[
                "cannot find your hostname",
                "cannot find your reverse hostname",
                "reverse dns",
                "rdns",
                "ptr record",
                "no ptr",
                "fcrdns",
                "client host rejected: cannot find",
            ],
            REVERSE_NAME,
        ),
        says(Anyone, &["dmarc"], DMARC),
        says(
            Anyone,
            &[
                "spf check failed",
                "spf fail",
                "sender policy framework",
                "not allowed to send mail from",
                "is not authorized to send",
                "spf:",
            ],
            SPF,
        ),
        says(
            Anyone,
            &["no valid dkim", "dkim signature", "missing dkim"],
            DKIM,
        ),
        says(
            Anyone,
            &[
                "must issue a starttls command",
                "encryption needed",
                "tls required",
                "requires tls",
                "session encryption is required",
            ],
            NO_TLS,
        ),
        says(
            Anyone,
            &[
                "authentication required",
                "authentication failed",
                "username and password not accepted",
                "authentication credentials invalid",
                "login denied",
            ],
            AUTHENTICATION,
        ),
        says(
            Anyone,
            &[
                "relay access denied",
                "relaying denied",
                "relay not permitted",
                "relaying not allowed",
                "unable to relay",
                "we do not relay",
            ],
            RELAY_DENIED,
        ),
        says(Anyone, &["too many hops", "50 hops", "hop count"], HOPS),
        says(
            Anyone,
            &[
                "over quota",
                "overquota",
                "mailbox full",
                "mailbox is full",
                "quota exceeded",
            ],
            MAILBOX_FULL,
        ),
        says(
            Anyone,
            &[
                "user unknown",
                "unknown user",
                "no such user",
                "no such recipient",
                "user not found",
                "does not exist",
                "doesn't exist",
                "mailbox unavailable",
                "mailbox not found",
                "recipient unknown",
                "unknown recipient",
                "invalid recipient",
                "no mailbox here",
                "undeliverable address",
            ],
            USER_UNKNOWN,
        ),
        says(
            Anyone,
            &[
                "mailbox is disabled",
                "account is disabled",
                "mailbox disabled",
            ],
            MAILBOX_DISABLED,
        ),
        says(
            Anyone,
            &[
                "message size exceeds",
                "message too large",
                "message size limit",
                "exceeds size limit",
                "message file too big",
            ],
            TOO_LARGE,
        ),
        says(
            Anyone,
            &[
                "too many connections",
                "too many concurrent",
                "too many sessions",
            ],
            CONNECTIONS,
        ),
        says(
            Anyone,
            &["insufficient system storage", "no space left"],
            STORAGE,
        ),
        says(
            Anyone,
            &[
                "poor reputation",
                "low reputation",
                "bad reputation",
                "ip reputation",
                "reputation",
            ],
            REPUTATION,
        ),
        says(
            Anyone,
            &[
                "rate limit",
                "too many messages",
                "sending limit",
                "throttl",
            ],
            SENDING_RATE,
        ),
        says(
            Anyone,
            &[
                "looks like spam",
                "spam message",
                "considered spam",
                "probability of spam",
                "is spam",
            ],
            SPAM,
        ),
    ]
};

pub(super) const NUMBERS: &[Pattern] = {
    use Speaker::Anyone;
    &[
        // RFC 3463, 6710 and 7505 on addresses.
        codes(Anyone, &[(1, 10)], NULL_MX),
        codes(Anyone, &[(1, 1), (1, 2), (1, 3), (1, 6)], USER_UNKNOWN),
        codes(Anyone, &[(1, 7), (1, 8)], SENDER_DOMAIN),
        codes(Anyone, &[(2, 1)], MAILBOX_DISABLED),
        codes(Anyone, &[(2, 2)], MAILBOX_FULL),
        codes(Anyone, &[(2, 3), (3, 4)], TOO_LARGE),
        codes(Anyone, &[(3, 1)], STORAGE),
        codes(Anyone, &[(4, 6)], HOPS),
        codes(Anyone, &[(6, 7)], SMTPUTF8),
        // RFC 7372 section 3.
        codes(Anyone, &[(7, 20), (7, 21), (7, 22)], DKIM),
        codes(Anyone, &[(7, 23)], SPF),
        codes(Anyone, &[(7, 24)], SPF_RECORD),
        codes(Anyone, &[(7, 25)], REVERSE_NAME),
        codes(Anyone, &[(7, 26)], SEVERAL_CHECKS),
        // RFC 7505 section 4.2, RFC 8617 section 6.
        codes(Anyone, &[(7, 27)], SENDER_NULL_MX),
        codes(Anyone, &[(7, 29)], ARC),
        codes(Anyone, &[(7, 8), (7, 9)], AUTHENTICATION),
        says(
            Anyone,
            &["policy", "access denied", "administrative prohibition"],
            POLICY,
        ),
        codes(Anyone, &[(3, 0), (3, 2), (4, 5), (5, 3)], BUSY),
        says(
            Anyone,
            &[
                "try again later",
                "temporarily",
                "system problem",
                "busy",
                "overload",
            ],
            BUSY,
        ),
    ]
};
