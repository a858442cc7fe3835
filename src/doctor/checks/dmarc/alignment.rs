//! Whether a signature counts for DMARC, as a receiver evaluates it (RFC 9989 section 4.10.2).

use mail_auth::{
    AuthenticatedMessage, DkimOutput, DmarcResult, SpfOutput, dkim::Signature,
    dmarc::verify::DmarcParameters,
};

use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Whether a passing signature with `d=signer` counts for mail of `author`. Where no policy applies
/// there is nothing to count for, and nothing is wrong.
pub(super) async fn counts(
    dns: &Questions,
    author: &str,
    signer: &str,
) -> Result<bool, DnsFailure> {
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
    match dns
        .authenticator()
        .verify_dmarc(question)
        .await
        .dkim_result()
    {
        DmarcResult::Fail(_) => Ok(false),
        DmarcResult::TempError(_) => Err(DnsFailure::ServerFailure),
        DmarcResult::Pass | DmarcResult::PermError(_) | DmarcResult::None => Ok(true),
    }
}
