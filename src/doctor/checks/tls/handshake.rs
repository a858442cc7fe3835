//! Beginning TLS with our own server, whatever its certificate: that is judged afterwards.

use std::net::SocketAddr;

use rustls_pki_types::CertificateDer;

use super::NEAR;
use crate::smtp::{
    SmtpError,
    reply::{Reply, printable},
    session::{connect, greet},
};
use dkimd_postfix::finger::{Call, Finger, Handshake};

/// What a port of ours makes of TLS.
#[derive(Debug)]
pub(super) enum Offer {
    /// It is there, with these certificates.
    Done(Vec<CertificateDer<'static>>),
    /// STARTTLS is not among the extensions.
    Missing(Reply),
    /// STARTTLS was refused.
    Refused(Reply),
    /// The handshake failed.
    Failed(String),
    /// Nobody was there to begin it; why.
    Untried(String),
}

/// Calls a port and begins TLS, at once or by STARTTLS.
///
/// # Errors
/// If nobody answers, or not in SMTP.
pub(super) async fn offer(finger: &Finger, call: Call<'_>, helo: &str) -> Result<Offer, SmtpError> {
    if !call.wraps {
        let (session, ehlo) = greet(call.to, helo, NEAR).await?;
        session.quit().await;
        if !ehlo.offers("STARTTLS") {
            return Ok(Offer::Missing(ehlo));
        }
    }
    let without_tls = match finger.call(call).await {
        Ok(Handshake::Done(chain)) => return Ok(Offer::Done(chain)),
        Ok(Handshake::Failed(words)) => Offer::Failed(printable(words.as_bytes())),
        Err(error) => Offer::Untried(printable(error.to_string().as_bytes())),
    };
    let refused = match call.wraps {
        true => connect(call.to, None, NEAR).await.map(|_| None),
        // Not before it is needed: whoever goes away after STARTTLS stands in the server's log.
        false => refusal(call.to, helo).await,
    };
    Ok(refused?.map_or(without_tls, Offer::Refused))
}

/// The reply of a server that refuses to begin TLS.
async fn refusal(to: SocketAddr, helo: &str) -> Result<Option<Reply>, SmtpError> {
    let (mut session, _) = greet(to, helo, NEAR).await?;
    // Whoever goes away now has said nothing.
    let Ok(reply) = session.say("STARTTLS").await else {
        return Ok(None);
    };
    if reply.is_positive() {
        return Ok(None);
    }
    session.quit().await;
    // Postfix says `454 4.7.0 TLS not available due to local problem` about TLS. Any other
    // refusal is about something else: a filter that is away has every command put off.
    let text = reply.to_string().to_ascii_lowercase();
    match text.contains("tls") {
        true => Ok(Some(reply)),
        false => Err(SmtpError::Refused(reply)),
    }
}

#[cfg(test)]
mod tests;
