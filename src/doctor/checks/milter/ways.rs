//! Mail that is signed first and filtered then.

use super::wiring::{Role, callers, ours};
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::Postfix;

/// A service whose mail is signed before a content filter gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct SignedBefore {
    /// The service: `smtp/inet`.
    pub(in super::super) service: String,
    /// Its `content_filter`.
    pub(in super::super) filter: String,
}

/// The first such service.
pub(in super::super) fn signed_before_filter(
    postfix: &Postfix,
    socket: Option<&SocketSpec>,
) -> Option<SignedBefore> {
    let queue = postfix.queue_directory();
    callers(postfix).into_iter().find_map(|caller| {
        let entrance = matches!(caller.role, Role::Arriving | Role::Submission);
        let filter = postfix.value_for(caller.service, "content_filter")?;
        let signs = entrance && ours(caller.used(), queue, socket).is_some();
        (signs && !filter.is_empty()).then(|| SignedBefore {
            service: caller.service.id(),
            filter: filter.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_that_signs_too_early_is_named() {
        let master = "smtp inet n - y - - smtpd\n127.0.0.1:10025 inet n - n - - smtpd\n";
        let main = "content_filter = amavis:[127.0.0.1]:10024\nmynetworks = 127.0.0.0/8\n";
        let before = |milters: &str, overrides: &str| {
            let main = format!("{main}smtpd_milters = {milters}\n");
            signed_before_filter(&Postfix::from_texts(&main, master, overrides), None)
        };
        let found = before("unix:opendkim/o.sock", "").unwrap();
        assert_eq!(
            (found.service.as_str(), found.filter.as_str()),
            ("smtp/inet", "amavis:[127.0.0.1]:10024")
        );
        let after = "127.0.0.1:10025/inet/smtpd_milters = unix:opendkim/o.sock\n127.0.0.1:10025/inet/content_filter =\n";
        assert_eq!(before("", after), None);
    }
}
