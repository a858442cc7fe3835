//! What the large receivers say, each in its own words.

use super::{Pattern, Speaker, codes, says};
use crate::refusal::{Receiver, causes::*};

pub(super) const GOOGLE: &[Pattern] = {
    const BY: Speaker = Speaker::One(Receiver::Google);
    &[
        says(
            BY,
            &["does not meet ipv6 sending guidelines", "ipv6autherror"],
            IPV6_RULES,
        ),
        codes(BY, &[(7, 23), (7, 25)], REVERSE_NAME),
        says(
            BY,
            &["have a ptr record", "of the hostname specified in the"],
            REVERSE_NAME,
        ),
        says(BY, &["one or more suspicious entries"], SPF_RECORD),
        codes(BY, &[(7, 24)], SPF_RECORD),
        says(BY, &["domain's dmarc policy"], DMARC),
        says(BY, &["with a hard fail policy"], SPF),
        says(
            BY,
            &[
                "authenticate with either spf or dkim",
                "authenticate with at least one of spf or dkim",
                "pass authentication checks",
                "unauthenticated email is not accepted",
            ],
            UNAUTHENTICATED,
        ),
        codes(BY, &[(7, 26)], UNAUTHENTICATED),
        codes(BY, &[(7, 27)], SPF),
        codes(BY, &[(7, 28)], SENDING_RATE),
        says(BY, &["an unusual rate of"], SENDING_RATE),
        codes(BY, &[(7, 29)], NO_TLS),
        says(
            BY,
            &[
                "tls required for rcpt domain",
                "must issue a starttls command",
            ],
            NO_TLS,
        ),
        codes(BY, &[(7, 30)], DKIM),
        codes(BY, &[(7, 32)], ALIGNMENT),
        says(
            BY,
            &[
                "very low reputation",
                "not authorized to send email directly",
            ],
            REPUTATION,
        ),
        says(
            BY,
            &[
                "likely unsolicited mail",
                "nature of the content or the links",
                "potential security issue",
                "illegal attachment",
            ],
            SPAM,
        ),
        says(
            BY,
            &[
                "is not rfc 5322 compliant",
                "missing a valid message-id",
                "mail message is malformed",
                "rfcmessagenoncompliant",
            ],
            MALFORMED,
        ),
        says(
            BY,
            &["receiving mail too quickly", "receiving mail at a rate"],
            RECIPIENT_RATE,
        ),
        says(
            BY,
            &["mail relay denied", "invalid credentials for relay"],
            RELAY_DENIED,
        ),
    ]
};

pub(super) const YAHOO: &[Pattern] = {
    const BY: Speaker = Speaker::One(Receiver::Yahoo);
    &[
        says(BY, &["on spamhaus pbl", "[bl22]"], POLICY_LISTED),
        says(BY, &["spamhaus", "[bl21]", "[bl23]"], LISTED),
        says(
            BY,
            &[
                "permanently deferred",
                "retrying will not succeed",
                "connections will not be accepted",
                "connections not accepted",
            ],
            YAHOO_REFUSED,
        ),
        says(
            BY,
            &["temporarily deferred", "[tss", "[ts0"],
            YAHOO_DEFERRED,
        ),
        says(
            BY,
            &[
                "authenticate with either spf or dkim",
                "sender is unauthenticated",
            ],
            UNAUTHENTICATED,
        ),
        says(
            BY,
            &["unresolvable", "invalid domain in from"],
            SENDER_DOMAIN,
        ),
        says(BY, &["[ph01]"], SPAM),
        // Without that mark it is DMARC (error page 28 of Yahoo's postmaster).
        codes(BY, &[(7, 9)], DMARC),
        says(BY, &["not accepted for policy reasons"], SPAM),
        says(BY, &["not rfc compliant"], MALFORMED),
        says(BY, &["user is receiving mail too quickly"], RECIPIENT_RATE),
        says(
            BY,
            &["doesn't have a yahoo.com account", "doesn't have a "],
            USER_UNKNOWN,
        ),
        says(BY, &["max message per connection"], CONNECTIONS),
    ]
};

pub(super) const MICROSOFT: &[Pattern] = {
    const BY: Speaker = Speaker::One(Receiver::Microsoft);
    &[
        codes(BY, &[(7, 515)], AUTHENTICATION_LEVEL),
        says(
            BY,
            &["does not meet the required authentication level"],
            AUTHENTICATION_LEVEL,
        ),
        codes(BY, &[(7, 509)], DMARC),
        says(
            BY,
            &["does not pass dmarc verification", "dmarc policy of reject"],
            DMARC,
        ),
        codes(BY, &[(7, 510), (7, 512)], MALFORMED),
        codes(BY, &[(7, 513)], POLICY),
        codes(BY, &[(7, 23)], SPF),
        says(BY, &["blocked using spamhaus"], LISTED),
        says(
            BY,
            &[
                "on our block list",
                "(s3140)",
                "(s3150)",
                "(as3140)",
                "(as3150)",
                "banned sending ip",
                "ou-001",
                "ou-002",
                "(as16012",
            ],
            MICROSOFT_BLOCKED,
        ),
        codes(BY, &[(7, 511)], MICROSOFT_BLOCKED),
        says(
            BY,
            &[
                "temporarily rate limited",
                "due to ip reputation",
                "rp-001",
                "rp-002",
                "rp-003",
            ],
            MICROSOFT_BUSY,
        ),
        codes(
            BY,
            &[(7, 500), (7, 650), (7, 651), (7, 652)],
            MICROSOFT_BUSY,
        ),
        says(
            BY,
            &["server busy", "server is busy", "threshold"],
            MICROSOFT_BUSY,
        ),
        says(
            BY,
            &["recipient address rejected: access denied", "resolver.adr"],
            USER_UNKNOWN,
        ),
        codes(BY, &[(4, 1)], USER_UNKNOWN),
        codes(BY, &[(7, 64)], RELAY_DENIED),
    ]
};

pub(super) const APPLE: &[Pattern] = {
    const BY: Speaker = Speaker::One(Receiver::Apple);
    &[
        says(BY, &["'s dmarc policy"], DMARC),
        says(BY, &["both spf and dkim", "[hme1]"], UNAUTHENTICATED),
        says(
            BY,
            &["proofpoint.com/dnsbl", "ipcheck.proofpoint"],
            PROOFPOINT,
        ),
        says(BY, &["spamhaus"], LISTED),
        says(BY, &["due to excessive volume", "[hm08]"], SENDING_RATE),
        says(
            BY,
            &["due to local policy", "[cs01]", "[hm", "[cs"],
            APPLE_POLICY,
        ),
        says(BY, &["not accepting connections"], REPUTATION),
    ]
};

pub(super) const AMAZON: &[Pattern] = {
    const BY: Speaker = Speaker::One(Receiver::Amazon);
    &[
        says(BY, &["email address is not verified"], NOT_VERIFIED),
        says(
            BY,
            &[
                "maximum sending rate exceeded",
                "daily message quota exceeded",
            ],
            CONNECTIONS,
        ),
    ]
};
