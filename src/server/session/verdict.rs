//! What the verdict leads to: the reply that the On-* options want, and the log lines.

use super::journal::Journal;
use crate::{
    config::settings::{FailureAction, OnFailure, Settings},
    decide::opendkim::{Governor, stops_opendkim},
    dkim::{
        outcome::Outcome,
        verify::{Identity, SignatureResult, deciding},
    },
    dns::name::DnsName,
    headers::auth_results::{AtpsResult, AuthResults, ResultItem},
    log::Level,
    milter::{Change, EndOfMessage, Reply},
    session::lines,
};

/// The reason that OpenDKIM gives for a quarantine.
pub(super) const QUARANTINE_REASON: &str = "opendkim";

/// All that verifying a message came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// One result for each signature, from the top.
    pub results: Vec<SignatureResult>,
    /// Which On-* option decides about the message.
    pub governor: Governor,
    /// The deciding key says that its domain is testing (`t=y`): nothing is refused on its account.
    pub testing: bool,
    /// Key names that gave no key, and how that reads in the log.
    pub details: Vec<(DnsName, String)>,
    /// What the signer wants in front of a refusal's text (`rs=`, RFC 6651 section 3.2).
    pub signer_text: Option<String>,
}

/// The option that decides: the deciding signature's; a message without a signature, or with ignored
/// ones alone, is an unsigned message.
pub(super) fn governor(results: &[SignatureResult]) -> Governor {
    deciding(results).map_or(Governor::OnNoSignature, |result| {
        Governor::from(&result.outcome)
    })
}

/// The deciding signature, if On-BadSignature acts because of it.
pub(super) fn bad_signature(verdict: &Verdict) -> Option<&SignatureResult> {
    deciding(&verdict.results).filter(|_| verdict.governor == Governor::OnBadSignature)
}

/// Enhanced status codes of RFC 7372 section 3.2: no passing signature was found.
const NO_PASSING_SIGNATURE: &str = "7.20";
/// RFC 3463: a cryptographic failure, for keys that can't be had now.
const CRYPTOGRAPHIC_FAILURE: &str = "7.5";

impl Verdict {
    /// Whether some signature passed.
    pub fn passed(&self) -> bool {
        self.results.iter().any(SignatureResult::passed)
    }

    /// What the administrator wants done with the message.
    pub fn action(&self, settings: &Settings) -> FailureAction {
        let on = &settings.on_failure;
        let action = match self.governor {
            Governor::Nobody => FailureAction::Accept,
            Governor::OnBadSignature => on.bad_signature,
            Governor::OnKeyNotFound => on.key_not_found,
            Governor::OnDnsError => on.dns_error.unwrap_or(FailureAction::Accept),
            // AlwaysAddARHeader says `none`, and lets the message through, as in OpenDKIM.
            Governor::OnNoSignature if settings.verifying.always_add_results => {
                FailureAction::Accept
            }
            Governor::OnNoSignature => on.no_signature,
        };
        let refuses = matches!(
            action,
            FailureAction::Reject | FailureAction::Tempfail | FailureAction::Discard
        );
        if self.testing && refuses {
            FailureAction::Accept
        } else {
            action
        }
    }

    /// Whether RedirectFailuresTo acts: the signature does not fit the message.
    pub fn redirects(&self) -> bool {
        bad_signature(self).is_some_and(|result| match &result.outcome {
            Outcome::BodyChanged | Outcome::SignatureWrong => true,
            Outcome::Malformed(error) => !stops_opendkim(error),
            _ => false,
        })
    }

    fn sentence(&self) -> &'static str {
        match self.governor {
            Governor::OnKeyNotFound | Governor::OnDnsError => "DKIM key retrieval failed",
            Governor::OnNoSignature => "no DKIM signature data",
            Governor::OnBadSignature | Governor::Nobody => {
                match deciding(&self.results).map(|result| &result.outcome) {
                    Some(Outcome::Malformed(error)) if stops_opendkim(error) => {
                        "DKIM signature syntax error"
                    }
                    _ => "bad DKIM signature data",
                }
            }
        }
    }

    /// The reply, after `changes` to a message that is let through.
    pub fn end(
        &self,
        settings: &Settings,
        mut changes: Vec<Change>,
        may_quarantine: bool,
    ) -> EndOfMessage {
        let text = |code, class: u8, detail: &str| Reply::Text {
            code,
            enhanced: format!("{class}.{detail}"),
            text: match &self.signer_text {
                Some(text) => format!("{text}: {}", self.sentence()),
                None => self.sentence().to_owned(),
            },
        };
        let temporary_detail = match self.governor {
            Governor::OnKeyNotFound | Governor::OnDnsError => CRYPTOGRAPHIC_FAILURE,
            _ => NO_PASSING_SIGNATURE,
        };
        let reply = match self.action(settings) {
            FailureAction::Accept => Reply::Accept,
            FailureAction::Discard => Reply::Discard,
            FailureAction::Reject => text(550, 5, NO_PASSING_SIGNATURE),
            FailureAction::Tempfail => text(451, 4, temporary_detail),
            FailureAction::Quarantine if may_quarantine => {
                changes.push(Change::Quarantine(QUARANTINE_REASON.to_owned()));
                Reply::Accept
            }
            // Never a lost message: what can't be held goes through with its result on it.
            FailureAction::Quarantine => Reply::Accept,
        };
        EndOfMessage { changes, reply }
    }

    /// The Authentication-Results value, or `None` where none is due.
    pub fn field(
        &self,
        settings: &Settings,
        authserv_id: &str,
        job: &str,
        atps: Option<AtpsResult>,
    ) -> Option<String> {
        let verify = &settings.verifying;
        // Ignored signatures alone are none, as in OpenDKIM.
        let results = match deciding(&self.results) {
            Some(_) => self.results.as_slice(),
            None if verify.always_add_results => &[],
            None => return None,
        };
        let items: Vec<ResultItem<'_>> = results.iter().map(ResultItem::from).collect();
        Some(
            AuthResults {
                authserv_id,
                job: verify.authserv_id_with_job.then_some(job),
                items: &items,
                atps,
                omit_signature: verify.no_header_b,
            }
            .value(),
        )
    }

    /// The log lines of a verified message, in OpenDKIM's order.
    pub fn log(&self, journal: &Journal, settings: &Settings) {
        let domains: Vec<&str> = self
            .results
            .iter()
            .filter_map(|result| result.identity.domain.as_deref())
            .collect();
        if domains.len() > 1 {
            journal.line(Level::Info, &lines::signatures_from(&domains));
        }
        if settings.logging.results && deciding(&self.results).is_some() {
            journal.line(Level::Info, &lines::all_results(&self.results));
        }
        let decides = deciding(&self.results).map(|result| result.field);
        for (name, detail) in &self.details {
            for result in &self.results {
                // That some other key is not there is no trouble of ours; that DNS fails is.
                let told = match result.outcome {
                    Outcome::DnsFailed(_) => true,
                    Outcome::KeyNotFound | Outcome::SeveralKeys => Some(result.field) == decides,
                    _ => false,
                };
                if told && asks_for(&result.identity, name) {
                    journal.line(
                        Level::Err,
                        &lines::key_retrieval_failed(&result.identity, detail),
                    );
                }
            }
        }
        let Some(result) = deciding(&self.results) else {
            match self.action(settings) {
                FailureAction::Accept | FailureAction::Quarantine => {
                    journal.why_debug(lines::NO_SIGNATURE_DATA);
                }
                _ => journal.line(Level::Notice, lines::NO_SIGNATURE_DATA),
            }
            return;
        };
        match &result.outcome {
            Outcome::Pass => journal.success(lines::VERIFIED),
            Outcome::KeyRevoked => {
                journal.line(Level::Notice, &lines::key_revoked(&result.identity))
            }
            Outcome::Malformed(error) if stops_opendkim(error) => {
                journal.line(Level::Err, &lines::syntax_error(&error.to_string()));
            }
            outcome if Governor::from(outcome) == Governor::OnBadSignature => {
                journal.line(Level::Notice, lines::BAD_SIGNATURE);
            }
            _ => {}
        }
        if !matches!(result.outcome, Outcome::Pass) {
            journal.line(
                Level::Info,
                &lines::not_verified(&result.identity, &result.outcome),
            );
        }
    }
}

/// Whether the key of this signature is at `name`, in whatever script the signature writes it.
fn asks_for(identity: &Identity, name: &DnsName) -> bool {
    let selector = identity.selector.as_deref().unwrap_or_default();
    let domain = identity.domain.as_deref().unwrap_or_default();
    DnsName::key_of(selector, domain).is_ok_and(|key| key == *name)
}

/// Whether some option of the verifying side asks for quarantine.
pub fn may_want_quarantine(on: &OnFailure) -> bool {
    [
        Some(on.bad_signature),
        Some(on.key_not_found),
        on.dns_error,
        Some(on.no_signature),
    ]
    .contains(&Some(FailureAction::Quarantine))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{resolve::Overrides, snapshot::Snapshot};

    fn settings(options: &[(&'static str, &str)]) -> Settings {
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Snapshot::load(None, &Overrides { options })
            .0
            .unwrap()
            .settings
    }

    fn unsigned() -> Verdict {
        Verdict {
            results: Vec::new(),
            governor: governor(&[]),
            testing: false,
            details: Vec::new(),
            signer_text: None,
        }
    }

    #[test]
    fn unsigned_mail_passes_unless_the_administrator_says_otherwise() {
        assert_eq!(
            unsigned().end(&settings(&[]), Vec::new(), false).reply,
            Reply::Accept
        );
        let strict = settings(&[("On-NoSignature", "reject")]);
        let Reply::Text {
            code,
            enhanced,
            text,
        } = unsigned().end(&strict, Vec::new(), false).reply
        else {
            panic!("no text");
        };
        assert_eq!(
            (code, enhanced.as_str(), text.as_str()),
            (550, "5.7.20", "no DKIM signature data")
        );
    }

    #[test]
    fn a_key_name_belongs_to_its_signature_in_any_script() {
        let identity = |selector: &str, domain: &str| Identity {
            selector: Some(selector.into()),
            domain: Some(domain.into()),
            ..Identity::default()
        };
        let name = DnsName::parse("xn--schlssel-95a._domainkey.xn--bcher-kva.example").unwrap();
        for (selector, domain) in [
            ("schlüssel", "bücher.example"),
            ("Schlüssel", "xn--bcher-kva.EXAMPLE"),
            ("xn--schlssel-95a", "xn--bcher-kva.example"),
        ] {
            assert!(asks_for(&identity(selector, domain), &name), "{domain}");
        }
        assert!(!asks_for(&identity("schluessel", "bücher.example"), &name));
        assert!(!asks_for(&Identity::default(), &name));
    }

    #[test]
    fn always_adding_a_result_lets_unsigned_mail_through() {
        let both = settings(&[("On-NoSignature", "reject"), ("AlwaysAddARHeader", "yes")]);
        assert_eq!(
            unsigned().end(&both, Vec::new(), false).reply,
            Reply::Accept
        );
        let field = unsigned().field(&both, "mx.example", "4X", None);
        assert_eq!(field.as_deref(), Some("mx.example; dkim=none"));
    }

    #[test]
    fn a_testing_domain_is_not_refused() {
        let strict = settings(&[("On-BadSignature", "reject")]);
        let verdict = Verdict {
            governor: Governor::OnBadSignature,
            testing: true,
            ..unsigned()
        };
        assert_eq!(verdict.end(&strict, Vec::new(), false).reply, Reply::Accept);
        let verdict = Verdict {
            testing: false,
            ..verdict
        };
        assert!(matches!(
            verdict.end(&strict, Vec::new(), false).reply,
            Reply::Text { code: 550, .. }
        ));
    }

    #[test]
    fn a_dns_error_acts_only_where_it_was_set() {
        let verdict = Verdict {
            governor: Governor::OnDnsError,
            ..unsigned()
        };
        assert_eq!(
            verdict.end(&settings(&[]), Vec::new(), false).reply,
            Reply::Accept
        );
        let set = settings(&[("On-DNSError", "tempfail")]);
        let Reply::Text { code, enhanced, .. } = verdict.end(&set, Vec::new(), false).reply else {
            panic!("no text");
        };
        assert_eq!((code, enhanced.as_str()), (451, "4.7.5"));
    }

    #[test]
    fn quarantine_holds_where_the_mta_can_and_loses_nothing_where_it_cannot() {
        let hold = settings(&[("On-NoSignature", "quarantine")]);
        assert_eq!(
            unsigned().end(&hold, Vec::new(), true).changes,
            [Change::Quarantine(QUARANTINE_REASON.to_owned())]
        );
        let end = unsigned().end(&hold, Vec::new(), false);
        assert_eq!((end.reply, end.changes), (Reply::Accept, Vec::new()));
    }
}
