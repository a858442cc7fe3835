//! Changes of Postfix's settings: told as commands, and tried on settings in memory.

use std::borrow::Cow;

use super::{DEFAULT_DIRECTORY, Postfix, expand::expanded};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A parameter of `main.cf`.
    Main {
        /// Its name.
        parameter: String,
        /// Its value, `$name` as it is to be written.
        value: String,
    },
    /// A parameter of one service, `-o` in `master.cf`.
    Service {
        /// The service: `submission/inet`.
        service: String,
        /// The parameter.
        parameter: String,
        /// Its value.
        value: String,
    },
    /// One `-o` less: the service has what `main.cf` says.
    Inherit {
        /// The service.
        service: String,
        /// The parameter.
        parameter: String,
    },
}

impl Change {
    /// The command that makes it, for a shell.
    pub fn command(&self, postfix: &Postfix) -> String {
        let postconf = postfix.postconf();
        match self {
            Self::Main { parameter, value } => {
                format!(
                    "{postconf} -e {}",
                    quoted(&format!("{parameter} = {value}"))
                )
            }
            Self::Service {
                service,
                parameter,
                value,
            } => {
                let place = format!("{service}/{parameter}={value}");
                format!("{postconf} -P {}", quoted(&place))
            }
            Self::Inherit { service, parameter } => {
                format!(
                    "{postconf} -PX {}",
                    quoted(&format!("{service}/{parameter}"))
                )
            }
        }
    }
}

/// A word that a shell takes as it is.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A file's name for a shell, in quotes where it needs them.
pub fn quoted_path(path: &str) -> Cow<'_, str> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"/._-+@:".contains(&octet);
    match !path.is_empty() && path.bytes().all(plain) {
        true => Cow::Borrowed(path),
        false => Cow::Owned(quoted(path)),
    }
}

impl Postfix {
    /// The instance after some changes, as `postconf` would then tell of it.
    pub fn with(&self, changes: &[Change]) -> Self {
        let mut changed = self.clone();
        for change in changes {
            match change {
                Change::Main { parameter, value } => changed.plain.set(parameter, value),
                Change::Service {
                    service,
                    parameter,
                    value,
                } => {
                    if let Some(service) = changed.service_mut(service) {
                        service.written.insert(parameter.clone(), value.clone());
                        let value = expanded(value, &self.plain);
                        service.overrides.insert(parameter.clone(), value);
                    }
                }
                Change::Inherit { service, parameter } => {
                    if let Some(service) = changed.service_mut(service) {
                        service.written.remove(parameter);
                        service.overrides.remove(parameter);
                    }
                }
            }
        }
        changed.expand_again(self);
        changed
    }

    fn service_mut(&mut self, id: &str) -> Option<&mut super::Service> {
        self.services.iter_mut().find(|service| service.id() == id)
    }

    /// Whatever means another thing now than it did before; the rest stays as Postfix expanded it.
    fn expand_again(&mut self, before: &Self) {
        let Self { main, plain, .. } = self;
        for (name, value) in plain.iter() {
            let now = expanded(value, plain);
            if before.plain.get(name) != Some(value) || now != expanded(value, &before.plain) {
                main.set(name, &now);
            }
        }
        for service in &mut self.services {
            for (name, value) in &service.written {
                let now = expanded(value, plain);
                if now != expanded(value, &before.plain) {
                    service.overrides.insert(name.clone(), now);
                }
            }
        }
    }

    /// `postconf` for this instance, for a shell.
    pub fn postconf(&self) -> String {
        self.program("postconf")
    }

    /// The command that makes a running Postfix read its settings again.
    pub fn reload(&self) -> String {
        format!("{} reload", self.program("postfix"))
    }

    fn program(&self, name: &str) -> String {
        let directory = self.directory.to_string_lossy();
        match directory == DEFAULT_DIRECTORY {
            true => name.to_owned(),
            false => format!("{name} -c {}", quoted_path(&directory)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n";

    fn main(parameter: &str, value: &str) -> Change {
        Change::Main {
            parameter: parameter.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn what_refers_to_a_changed_parameter_changes_with_it() {
        let postfix = Postfix::from_texts(
            "smtpd_milters = inet:a:1\nnon_smtpd_milters = $smtpd_milters\nmine = x\n",
            MASTER,
            "submission/inet/smtpd_milters = $mine, ${smtpd_milters}\n",
        );
        let changed = postfix.with(&[main("smtpd_milters", "$mine unix:b")]);
        assert_eq!(changed.main.value("smtpd_milters"), "x unix:b");
        assert_eq!(changed.main.value("non_smtpd_milters"), "x unix:b");
        let submission = &changed.services[1];
        assert_eq!(submission.overrides["smtpd_milters"], "x, x unix:b");
        let inherit = Change::Inherit {
            service: "submission/inet".to_owned(),
            parameter: "smtpd_milters".to_owned(),
        };
        let changed = changed.with(&[inherit]);
        let value = changed.value_for(&changed.services[1], "smtpd_milters");
        assert_eq!(value, Some("x unix:b"));
        assert_eq!(postfix.with(&[]).main, postfix.main);
    }

    #[test]
    fn the_shell_leaves_values_as_they_are() {
        let mut postfix = Postfix::from_texts("", MASTER, "");
        assert_eq!(
            main("non_smtpd_milters", "$smtpd_milters").command(&postfix),
            "postconf -e 'non_smtpd_milters = $smtpd_milters'"
        );
        assert_eq!(
            main("a", "b'c").command(&postfix),
            r"postconf -e 'a = b'\''c'"
        );
        postfix.directory = "/etc/postfix-out".into();
        assert_eq!(
            main("a", "b").command(&postfix),
            "postconf -c /etc/postfix-out -e 'a = b'"
        );
        assert_eq!(postfix.reload(), "postfix -c /etc/postfix-out reload");
    }
}
