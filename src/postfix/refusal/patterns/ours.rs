//! What Postfix and the filters of this server say themselves.

use super::{Pattern, Speaker, says};
use crate::refusal::causes::*;

pub(super) const OURS: &[Pattern] = {
    use Speaker::{Here, Postfix};
    &[
        says(
            Here,
            &[
                "dkim signing table error",
                "dkim signing key unavailable",
                "dkim signing error",
                "internal dkim error",
            ],
            SIGNING_FAILED,
        ),
        says(
            Here,
            &[
                "service unavailable - try again later",
                "can't read smfic_",
                "can't read smfir_",
                "connect to milter service",
            ],
            FILTER_DOWN,
        ),
        says(
            Postfix,
            &[
                "private/dovecot-lmtp",
                "]: no such file or directory",
                "]: permission denied",
            ],
            LOCAL_DELIVERY,
        ),
        says(Postfix, &["loops back to myself"], LOOP),
        says(
            Postfix,
            &[
                "tls is required, but was not offered",
                "tls is required, but host",
            ],
            TLS_NOT_OFFERED,
        ),
        says(
            Postfix,
            &[
                "server certificate not trusted",
                "server certificate not verified",
                "tls is required, but unavailable",
            ],
            TLS_NOT_TRUSTED,
        ),
        says(
            Postfix,
            &["cannot start tls", "tls handshake fail"],
            TLS_FAILED,
        ),
        says(
            Postfix,
            &["smtputf8 is required, but was not offered"],
            SMTPUTF8,
        ),
        says(Postfix, &["does not accept mail (nullmx)"], NULL_MX),
        says(
            Postfix,
            &[
                "host not found, try again",
                "temporary failure in name resolution",
                "server failure",
            ],
            DNS,
        ),
        says(
            Postfix,
            &["host or domain name not found", "name service error"],
            DOMAIN_NOT_FOUND,
        ),
        says(
            Postfix,
            &[
                "network is unreachable",
                "no route to host",
                "connection refused",
                "address family not supported",
            ],
            UNREACHABLE,
        ),
        says(
            Postfix,
            &[
                "lost connection with",
                "timed out while",
                "connection reset by peer",
            ],
            LOST_CONNECTION,
        ),
        says(Postfix, &["connection timed out"], TIMED_OUT),
        says(
            Postfix,
            &[
                "unknown mail transport error",
                "mail transport unavailable",
                "mail system configuration error",
                "transport is unavailable",
                "bad command startup",
            ],
            TRANSPORT,
        ),
        says(
            Postfix,
            &[
                "sasl authentication failed",
                "no worthy mechs found",
                "need to authenticate via sasl",
            ],
            AUTHENTICATION,
        ),
    ]
};
