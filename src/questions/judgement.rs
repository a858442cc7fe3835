//! SPF and DMARC as a receiver evaluates them.

use std::net::IpAddr;

use mail_auth::{
    AuthenticatedMessage, DkimOutput, DmarcResult, MessageAuthenticator, SpfOutput,
    common::parse::TxtRecordParser,
    dkim::Signature,
    dmarc::{Dmarc, verify::DmarcParameters},
    spf::verify::SpfParameters,
};

pub use mail_auth::SpfResult;

use super::Questions;
use dkimd_server::dns::DnsFailure;

impl Questions {
    /// What SPF says of mail of `domain` that a host which greets as `helo` hands over from `address`
    /// (RFC 7208 section 4).
    pub async fn spf(&self, domain: &str, helo: &str, address: IpAddr) -> SpfResult {
        let sender = format!("postmaster@{domain}");
        let question = SpfParameters::verify_mail_from(address, helo, helo, &sender);
        self.authenticator().verify_spf(question).await.result()
    }

    /// What SPF says of the greeting itself (RFC 7208 section 2.3).
    pub async fn spf_of_greeting(&self, helo: &str, address: IpAddr) -> SpfResult {
        let question = SpfParameters::verify_ehlo(address, helo, helo);
        self.authenticator().verify_spf(question).await.result()
    }

    /// Whether a passing signature with `d=signer` counts for mail of `author` (RFC 9989 section
    /// 4.10.2). Where no policy applies there is nothing to count for, and nothing is wrong.
    ///
    /// # Errors
    /// If DNS gives no answer.
    pub async fn counts_for_dmarc(&self, author: &str, signer: &str) -> Result<bool, DnsFailure> {
        let message = AuthenticatedMessage {
            from: vec![format!("postmaster@{author}")],
            ..AuthenticatedMessage::default()
        };
        let signature = Signature {
            d: signer.to_owned(),
            ..Signature::default()
        };
        let signed = [DkimOutput::pass().with_signature(&signature)];
        // Nothing of SPF: it breaks with every forwarding, and is examined on its own.
        let spf = SpfOutput::new(String::new());
        let question = DmarcParameters::new(&message, &signed, "", &spf);
        let result = self.authenticator().verify_dmarc(question).await;
        match result.dkim_result() {
            DmarcResult::Fail(_) => Ok(false),
            DmarcResult::TempError(_) => Err(DnsFailure::ServerFailure),
            DmarcResult::Pass | DmarcResult::PermError(_) | DmarcResult::None => Ok(true),
        }
    }

    /// The judge of both, through the same resolver.
    fn authenticator(&self) -> MessageAuthenticator {
        MessageAuthenticator(self.resolver.clone())
    }
}

/// Whether receivers can read a text as a DMARC record.
pub fn is_readable_dmarc(text: &str) -> bool {
    Dmarc::parse(text.as_bytes()).is_ok()
}
