//! The client and the macros that a tested message comes with.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use dkimd_milter::Client;
use dkimd_server::{config::snapshot::Snapshot, decide::origin::OriginFacts};

/// Macros that a decision may look at, besides those that the configuration names.
const MACROS: [&str; 5] = ["i", "j", "auth_type", "daemon_name", "client_addr"];

/// This machine, and for each macro `DEBUG-` and its name.
#[derive(Debug)]
pub struct DebugClient {
    client: Client,
    macros: HashMap<String, String>,
}

impl DebugClient {
    /// The client under a configuration.
    pub fn new(snapshot: &Snapshot) -> Self {
        let sender = snapshot.settings.decision.sender_macro.as_deref();
        let names = MACROS.into_iter().chain(sender);
        Self {
            client: Client {
                name: "localhost".to_owned(),
                address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            },
            macros: names
                .map(|name| {
                    let name = name.trim_matches(['{', '}']);
                    (name.to_owned(), format!("DEBUG-{name}"))
                })
                .collect(),
        }
    }
}

impl OriginFacts for DebugClient {
    fn client(&self) -> &Client {
        &self.client
    }

    fn macro_value(&self, name: &str) -> Option<&str> {
        self.macros.get(name).map(String::as_str)
    }
}
