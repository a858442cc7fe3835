//! Who checks passwords for Postfix: whether its socket is there and lets Postfix's services in.

use nix::errno::Errno;
use tokio::task::spawn_blocking;

use crate::knock::{Families, Knock, Knocked};
use dkimd_postfix::{Postfix, Service};

/// Where Dovecot listens for Postfix by custom, in the queue directory.
pub(super) const USUAL_PATH: &str = "private/auth";
/// Postfix's account, unless `mail_owner` names another.
const USUAL_OWNER: &str = "postfix";

/// Who checks passwords, as a service of Postfix has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sasl {
    /// `dovecot` or `cyrus`.
    pub(super) kind: String,
    /// Its socket; for Cyrus the name of its settings.
    pub(super) path: String,
}

/// What came of looking for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Somebody opens.
    Open,
    /// Nobody does.
    Shut(Errno),
    /// Nobody answers.
    Silent,
    /// It has no socket that could be looked at, or only root could look.
    Unexamined,
}

impl Sasl {
    /// That of a service.
    pub(super) fn of(postfix: &Postfix, service: &Service) -> Self {
        let value = |parameter| {
            let value = postfix.value_for(service, parameter);
            value.unwrap_or_default().to_owned()
        };
        Self {
            kind: value("smtpd_sasl_type"),
            path: value("smtpd_sasl_path"),
        }
    }

    /// Dovecot's usual one.
    pub(super) fn usual() -> Self {
        Self {
            kind: "dovecot".to_owned(),
            path: USUAL_PATH.to_owned(),
        }
    }

    /// The address, as a filter's is written; `None`: it has no socket of its own.
    fn endpoint(&self) -> Option<String> {
        if self.kind != "dovecot" || self.path.is_empty() {
            return None;
        }
        Some(match self.path.split_once(':') {
            Some(("inet" | "unix", _)) => self.path.clone(),
            _ => format!("unix:{}", self.path),
        })
    }

    /// Tries it as a service of Postfix would, in the chroot or not.
    pub(super) async fn seen(&self, postfix: &Postfix, chroot: bool) -> Seen {
        let Some(endpoint) = self.endpoint() else {
            return Seen::Unexamined;
        };
        if !nix::unistd::geteuid().is_root() {
            return Seen::Unexamined;
        }
        let owner = Some(postfix.main.value("mail_owner")).filter(|owner| !owner.is_empty());
        let knock = Knock {
            user: Some(owner.unwrap_or(USUAL_OWNER).to_owned()),
            directory: postfix.queue_directory().to_owned(),
            chroot,
            families: Families { v4: true, v6: true },
            endpoint,
        };
        match spawn_blocking(move || knock.ask()).await {
            Ok(Ok(Knocked::Open { .. })) => Seen::Open,
            Ok(Ok(Knocked::Closed { errno, .. })) => Seen::Shut(Errno::from_raw(errno)),
            Ok(Ok(Knocked::Unresolvable { .. })) => Seen::Shut(Errno::EHOSTUNREACH),
            Ok(Ok(Knocked::Silent)) => Seen::Silent,
            _ => Seen::Unexamined,
        }
    }
}
