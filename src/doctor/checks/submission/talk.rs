//! Speaks to the ports that users send through: is there a greeting, TLS, and under it a password
//! asked for?

use std::{net::SocketAddr, time::Duration};

use crate::{
    listeners::{self, Listener, SUBMISSION, SUBMISSIONS},
    smtp::{
        SmtpError,
        reply::Reply,
        session::{Patience, greet},
    },
};
use dkimd_postfix::{
    Postfix,
    finger::{Call, Finger, Handshake},
};

/// How long our own server may take.
const NEAR: Patience = Patience {
    connect: Duration::from_secs(2),
    reply: Duration::from_secs(6),
};
/// The extension by which passwords are asked for.
const AUTH: &str = "AUTH";

/// What a port let hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A password is asked for.
    AsksPasswords,
    /// All is there but that.
    NoAuth(String),
    /// TLS does not come about; the check of TLS says why.
    NoTls(String),
    /// Nobody greets.
    Nothing(String),
    /// The program that begins TLS can't be run.
    NotTried(String),
}

/// A port of ours and what it let hear.
#[derive(Clone, Debug)]
pub(super) struct Port<'a> {
    pub(super) listener: Listener<'a>,
    pub(super) at: SocketAddr,
    pub(super) heard: Heard,
}

/// Speaks to every port for users.
pub(super) async fn listen(postfix: &Postfix) -> Vec<Port<'_>> {
    let finger = Finger::of(postfix);
    let mut ports = Vec::new();
    for listener in listeners::of(postfix) {
        if ![SUBMISSION, SUBMISSIONS].contains(&listener.port) {
            continue;
        }
        let mut first = None;
        for at in listener.addresses(postfix).await {
            let heard = hear(&finger, postfix, &listener, at).await;
            let nothing = matches!(heard, Heard::Nothing(_));
            let port = Port {
                listener,
                at,
                heard,
            };
            if !nothing {
                first = Some(port);
                break;
            }
            first.get_or_insert(port);
        }
        ports.extend(first);
    }
    ports
}

async fn hear(
    finger: &Finger,
    postfix: &Postfix,
    listener: &Listener<'_>,
    at: SocketAddr,
) -> Heard {
    // As `posttls-finger` names itself.
    let helo = postfix.main.get("myhostname").unwrap_or("localhost");
    let wraps = listener.wraps(postfix);
    if !wraps {
        match in_clear(at, helo).await {
            Err(error) => return Heard::Nothing(error.to_string()),
            Ok(ehlo) if ehlo.offers(AUTH) => return Heard::AsksPasswords,
            Ok(ehlo) if !ehlo.offers("STARTTLS") => {
                let allowed =
                    postfix.value_for(listener.service, "smtpd_tls_auth_only") != Some("yes");
                let encrypt = postfix.value_for(listener.service, "smtpd_tls_security_level")
                    == Some("encrypt");
                return match allowed && !encrypt {
                    true => Heard::NoAuth(ehlo.to_string()),
                    false => Heard::NoTls(ehlo.to_string()),
                };
            }
            Ok(_) => {}
        }
    }
    let call = Call {
        to: at,
        wraps,
        name: helo,
        patience: NEAR.reply,
    };
    match finger.offers(call).await {
        Err(error) => Heard::NotTried(error.to_string()),
        Ok(lines) if lines.iter().any(|line| is_auth(line)) => Heard::AsksPasswords,
        Ok(lines) if !lines.is_empty() => Heard::NoAuth(lines.join(" / ")),
        // Either no TLS, or nothing was said under it.
        Ok(_) => match finger.call(call).await {
            Ok(Handshake::Done(_)) => Heard::Nothing("TLS, and no answer under it".to_owned()),
            Ok(Handshake::Failed(words)) => Heard::NoTls(words),
            Err(error) => Heard::NotTried(error.to_string()),
        },
    }
}

async fn in_clear(at: SocketAddr, helo: &str) -> Result<Reply, SmtpError> {
    let (session, ehlo) = greet(at, helo, NEAR).await?;
    session.quit().await;
    Ok(ehlo)
}

/// `250-AUTH PLAIN`, `250 AUTH=LOGIN`.
fn is_auth(line: &str) -> bool {
    let text = line.get(4..).unwrap_or_default();
    let word = text.split([' ', '=']).next().unwrap_or_default();
    word.eq_ignore_ascii_case(AUTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_known_in_both_spellings() {
        assert!(is_auth("250-AUTH PLAIN LOGIN") && is_auth("250 AUTH=PLAIN"));
        assert!(!is_auth("250-AUTHENTIC") && !is_auth("250"));
    }
}
