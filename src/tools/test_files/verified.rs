//! The verifying side of `opendkim -t`.

use super::{PROGRAM, Reply, Run};
use dkim_core::{
    atps::AtpsQuery,
    outcome::Outcome,
    verify::{SignatureResult, deciding},
};
use dkimd_message::{
    MessageFile,
    verdicts::{Verdicts, dnssec_word},
};
use dkimd_server::{
    config::settings::{AuthservId, FailureAction},
    decide::opendkim::{Governor, OpenDkimWords},
    headers::auth_results::{AtpsResult, AuthResults, ResultItem},
    process::clock,
    session::atps,
};

impl Run<'_> {
    pub(super) async fn verify(&self, name: &str, message: &MessageFile, author: &str) {
        self.callback(Some(name), "mlfi_eoh", Reply::Continue);
        self.body(name, message, |_| {});
        let verdicts = Verdicts::of(message, self.snapshot, self.source, clock::now()).await;
        let results = &verdicts.results;
        let query = AtpsQuery::of(results, author);
        let atps = match &query {
            Some(query) => Some(atps::ask(self.source.as_ref(), query).await),
            None => None,
        };
        let (governor, action) = self.action(results);
        self.end_of_message(name, action.into());
        let wanted = self.snapshot.settings.verifying.always_add_results;
        if !results.is_empty() || wanted {
            let items: Vec<ResultItem<'_>> = results.iter().map(Into::into).collect();
            self.inserted("Authentication-Results", &self.results_field(&items, atps));
        }
        self.show_reply(governor, action, deciding(results));
        if action == FailureAction::Quarantine && self.verbosity > 1 {
            println!("### QUARANTINE: reason='opendkim'");
        }
        println!("{PROGRAM}: {name}: {}", sentence(&verdicts));
    }

    pub(super) fn results_field(
        &self,
        items: &[ResultItem<'_>],
        atps: Option<AtpsResult>,
    ) -> String {
        let settings = &self.snapshot.settings.verifying;
        let host = || {
            nix::unistd::gethostname().map_or_else(
                |_| "localhost".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            )
        };
        let authserv_id = match &settings.authserv_id {
            AuthservId::MtaName => "DEBUG-j".to_owned(),
            AuthservId::HostName => host(),
            AuthservId::Named(name) => name.clone(),
        };
        AuthResults {
            authserv_id: &authserv_id,
            job: settings.authserv_id_with_job.then_some("DEBUG-i"),
            items,
            atps,
            omit_signature: settings.no_header_b,
        }
        .value()
    }

    /// The reply's text, with `-vv`.
    fn show_reply(
        &self,
        governor: Governor,
        action: FailureAction,
        result: Option<&SignatureResult>,
    ) {
        let text = match governor {
            Governor::OnNoSignature => "no DKIM signature data",
            Governor::OnKeyNotFound => "DKIM key retrieval failed",
            Governor::OnBadSignature => "bad DKIM signature data",
            Governor::Nobody | Governor::OnDnsError => return,
        };
        if result.is_some_and(|result| result.outcome == Outcome::KeyRevoked) {
            return;
        }
        let (code, enhanced) = match (action, governor) {
            (FailureAction::Reject, _) => ("550", "5.7.0"),
            (FailureAction::Tempfail, Governor::OnKeyNotFound) => ("451", "4.7.5"),
            (FailureAction::Tempfail, _) => ("451", "4.7.0"),
            _ => return,
        };
        if self.verbosity > 1 {
            println!("### SETREPLY: rcode='{code}' xcode='{enhanced}' replytxt='{text}'");
        }
    }

    /// Which On-* option looks at the result that decides, and what it says.
    fn action(&self, results: &[SignatureResult]) -> (Governor, FailureAction) {
        let on = &self.snapshot.settings.on_failure;
        let deciding = deciding(results);
        let governor = deciding.map_or(Governor::OnNoSignature, |result| {
            Governor::from(&result.outcome)
        });
        let action = match governor {
            Governor::Nobody => FailureAction::Accept,
            Governor::OnBadSignature => on.bad_signature,
            Governor::OnKeyNotFound => on.key_not_found,
            Governor::OnDnsError => on.dns_error.unwrap_or(FailureAction::Accept),
            Governor::OnNoSignature => on.no_signature,
        };
        let testing = deciding.is_some_and(|result| result.key.is_some_and(|key| key.testing));
        match testing && action != FailureAction::Quarantine {
            true => (governor, FailureAction::Accept),
            false => (governor, action),
        }
    }
}

fn sentence(verdicts: &Verdicts) -> String {
    let Some(result) = deciding(&verdicts.results) else {
        return "message not signed".to_owned();
    };
    let tag = |value: &Option<Box<str>>| value.as_deref().unwrap_or("(null)").to_owned();
    let (domain, selector) = (tag(&result.identity.domain), tag(&result.identity.selector));
    let bits = result.key.and_then(|key| key.rsa_bits).unwrap_or(0);
    if result.outcome == Outcome::Pass {
        return format!("verification (s={selector}, d={domain}, {bits}-bit key) succeeded");
    }
    let dnssec = verdicts
        .key_of(result)
        .map_or("unknown", |(_, answer)| dnssec_word(answer.dnssec));
    let reason = OpenDkimWords::from(&result.outcome).text;
    format!("verification (s={selector} d={domain}, {bits}-bit key, {dnssec}) failed: {reason}")
}
