//! Whether a message comes from one of ours: MTA name, macros, internal host, authenticated user
//! (the order and the quirks are OpenDKIM's).

use crate::{
    milter::Client,
    tables::{
        hosts::{HostMatch, HostSet},
        macros::MacroList,
    },
};

/// The configuration's rules for trusting an origin.
#[derive(Clone, Copy, Debug)]
pub struct OriginRules<'a> {
    /// MTA: compared with the macro `{daemon_name}`, case counts.
    pub mta_names: &'a [String],
    /// MacroList.
    pub macros: &'a MacroList,
    /// InternalHosts.
    pub internal_hosts: &'a HostSet,
}

/// What the MTA told about where a message comes from.
pub trait OriginFacts {
    /// The client of the MTA.
    fn client(&self) -> &Client;
    /// A macro's value by its name without braces; `None` when the MTA did not send it.
    fn macro_value(&self, name: &str) -> Option<&str>;
}

/// The result of every test, in the order in which they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginFinding<'a> {
    /// MTA.
    pub mta: Test<String>,
    /// MacroList.
    pub macros: Test<String>,
    /// InternalHosts.
    pub host: HostMatch<'a>,
    /// The macro `{auth_type}`: the SASL mechanism.
    pub authenticated: Test<String>,
    /// Whether any of them makes the message ours.
    pub trusted: Option<Trust>,
}

/// The outcome of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test<T> {
    /// The option is not set, or the MTA did not say.
    NotAsked,
    /// It fits; what fitted.
    Fits(T),
    /// It does not fit; what was compared.
    Differs(T),
}

/// Why a message is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// MTA names the daemon that took the message in.
    MtaName,
    /// MacroList.
    Macro,
    /// InternalHosts.
    InternalHost,
    /// The client authenticated.
    Authenticated,
}

impl Trust {
    /// A word for logs and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MtaName => "mta-name",
            Self::Macro => "macro",
            Self::InternalHost => "internal-host",
            Self::Authenticated => "authenticated",
        }
    }
}

/// The macro that names the daemon.
pub const DAEMON_NAME: &str = "daemon_name";
/// The macro that is set when the client authenticated.
pub const AUTH_TYPE: &str = "auth_type";

/// Judges the origin of a message.
pub fn judge<'a>(rules: OriginRules<'a>, facts: &impl OriginFacts) -> OriginFinding<'a> {
    let mta = judge_mta(rules.mta_names, facts);
    let macros = judge_macros(rules.macros, facts);
    let client = facts.client();
    let name = (!client.name.is_empty()).then_some(client.name.as_str());
    let host = rules.internal_hosts.find(name, client.address);
    let authenticated = match facts.macro_value(AUTH_TYPE) {
        Some(mechanism) if !mechanism.is_empty() => Test::Fits(mechanism.to_owned()),
        _ => Test::NotAsked,
    };
    let trusted = if let Test::Fits(_) = macros {
        Some(Trust::Macro)
    } else if matches!(mta, Test::Fits(_)) && !matches!(macros, Test::Differs(_)) {
        // A macro of MacroList that is set to another value takes back what MTA granted.
        Some(Trust::MtaName)
    } else if let HostMatch::Listed(_) = host {
        Some(Trust::InternalHost)
    } else if let Test::Fits(_) = authenticated {
        Some(Trust::Authenticated)
    } else {
        None
    };
    OriginFinding {
        mta,
        macros,
        host,
        authenticated,
        trusted,
    }
}

fn judge_mta(names: &[String], facts: &impl OriginFacts) -> Test<String> {
    if names.is_empty() {
        return Test::NotAsked;
    }
    let daemon = facts.macro_value(DAEMON_NAME).unwrap_or("");
    if names.iter().any(|name| name == daemon) {
        Test::Fits(daemon.to_owned())
    } else {
        Test::Differs(daemon.to_owned())
    }
}

/// Of several listed macros, the last one that the MTA sends decides.
fn judge_macros(list: &MacroList, facts: &impl OriginFacts) -> Test<String> {
    let mut finding = Test::NotAsked;
    for (name, accepted) in &list.entries {
        if let Some(value) = facts.macro_value(name) {
            let shown = format!("{{{name}}}={value}");
            let fits = accepted.is_empty() || accepted.iter().any(|accepted| accepted == value);
            finding = if fits {
                Test::Fits(shown)
            } else {
                Test::Differs(shown)
            };
        }
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Facts {
        client: Client,
        macros: Vec<(&'static str, &'static str)>,
    }

    impl OriginFacts for Facts {
        fn client(&self) -> &Client {
            &self.client
        }

        fn macro_value(&self, name: &str) -> Option<&str> {
            self.macros
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        }
    }

    fn trust(
        mta: &[&str],
        list: &[(&str, &[&str])],
        macros: &[(&'static str, &'static str)],
    ) -> Option<Trust> {
        let mta_names: Vec<String> = mta.iter().map(|&name| name.to_owned()).collect();
        let entries = list
            .iter()
            .map(|(name, values)| {
                (
                    (*name).to_owned(),
                    values.iter().map(|&v| v.to_owned()).collect(),
                )
            })
            .collect();
        let rules = OriginRules {
            mta_names: &mta_names,
            macros: &MacroList { entries },
            internal_hosts: &HostSet::default(),
        };
        let client = Client {
            name: "client.example".into(),
            address: "192.0.2.7".parse().ok(),
        };
        judge(
            rules,
            &Facts {
                client,
                macros: macros.to_vec(),
            },
        )
        .trusted
    }

    #[test]
    fn nothing_configured_trusts_nobody() {
        assert_eq!(trust(&[], &[], &[]), None);
    }

    #[test]
    fn an_authenticated_client_is_trusted_by_its_mechanism_alone() {
        assert_eq!(
            trust(&[], &[], &[("auth_type", "PLAIN")]),
            Some(Trust::Authenticated)
        );
        assert_eq!(trust(&[], &[], &[("auth_type", "")]), None);
        assert_eq!(trust(&[], &[], &[("auth_authen", "joe")]), None);
    }

    #[test]
    fn the_daemon_name_is_compared_with_its_case() {
        assert_eq!(
            trust(&["SUBMIT"], &[], &[("daemon_name", "SUBMIT")]),
            Some(Trust::MtaName)
        );
        assert_eq!(trust(&["SUBMIT"], &[], &[("daemon_name", "submit")]), None);
    }

    #[test]
    fn the_last_macro_sent_decides_and_can_undo_the_mta_name() {
        let list: &[(&str, &[&str])] = &[("a", &[]), ("b", &["yes"])];
        assert_eq!(trust(&[], list, &[("a", "x")]), Some(Trust::Macro));
        assert_eq!(trust(&[], list, &[("a", "x"), ("b", "no")]), None);
        assert_eq!(
            trust(&[], list, &[("a", "x"), ("b", "yes")]),
            Some(Trust::Macro)
        );
        assert_eq!(
            trust(&["S"], list, &[("daemon_name", "S"), ("b", "no")]),
            None
        );
        assert_eq!(
            trust(&["S"], list, &[("daemon_name", "S")]),
            Some(Trust::MtaName)
        );
    }
}
