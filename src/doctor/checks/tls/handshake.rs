//! Beginning TLS with our own server, whatever its certificate: that is judged afterwards.

use std::{net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
        verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::NEAR;
use crate::doctor::smtp::{
    SmtpError,
    reply::Reply,
    session::{Session, connect},
};

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
}

/// Calls a port and begins TLS, at once or by STARTTLS.
///
/// # Errors
/// If nobody answers, or not in SMTP.
pub(super) async fn offer(
    to: SocketAddr,
    wraps: bool,
    helo: &str,
    name: &str,
) -> Result<Offer, SmtpError> {
    let stream = connect(to, None, NEAR).await?;
    if wraps {
        return Ok(handshake(stream, name).await);
    }
    let mut session = Session::over(stream, NEAR);
    let greeting = session.reply().await?;
    if !greeting.is_positive() {
        return Err(SmtpError::Refused(greeting));
    }
    let ehlo = session.agree(&format!("EHLO {helo}")).await?;
    if !ehlo.offers("STARTTLS") {
        session.quit().await;
        return Ok(Offer::Missing(ehlo));
    }
    let reply = session.say("STARTTLS").await?;
    if !reply.is_positive() {
        session.quit().await;
        // Postfix says `454 4.7.0 TLS not available due to local problem` about TLS. Any other
        // refusal is about something else: a filter that is away has every command put off.
        let text = reply.to_string().to_ascii_lowercase();
        return match text.contains("tls") {
            true => Ok(Offer::Refused(reply)),
            false => Err(SmtpError::Refused(reply)),
        };
    }
    Ok(handshake(session.into_stream(), name).await)
}

async fn handshake(stream: TcpStream, name: &str) -> Offer {
    let begun = async {
        let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
        let config = config().map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| error.to_string())?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(chain.iter().map(|one| one.clone().into_owned()).collect())
    };
    match timeout(NEAR.reply, begun).await {
        Ok(Ok(chain)) => Offer::Done(chain),
        Ok(Err(error)) => Offer::Failed(error),
        Err(_) => Offer::Failed("no handshake in time".to_owned()),
    }
}

/// The cryptography that everything here uses.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config() -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = Anybody(provider.signature_verification_algorithms);
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Goes on with any certificate: no secret follows, and it is judged afterwards.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
