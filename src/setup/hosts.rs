//! Trusted hosts: whose mail is signed besides that of authenticated users.

use std::net::IpAddr;

use super::{
    config_file,
    draft::{Draft, Words},
    refusal::Refusal,
    situation::{Situation, Wanted},
    table_lines::table_directory,
};
use dkimd_advice::text;
use dkimd_hand::Attributes;
use dkimd_postfix::Postfix;

/// The file of trusted hosts.
const FILE: &str = "TrustedHosts";
/// Networks that are wider are nobody's own: (IPv4, IPv6) prefix lengths. Private ones may be.
const NARROWEST: (u8, u8) = (8, 32);
const HEAD: &str = "# Hosts whose mail is signed without authentication: this one, and the networks \
                    that Postfix\n# relays for (mynetworks).\n";

/// Plans the trusted hosts, unless the configuration names its own.
///
/// # Errors
/// When a file can't be read.
pub fn plan(wanted: &Wanted, situation: &Situation, draft: &mut Draft) -> Result<(), Refusal> {
    let configuration = &situation.configuration;
    if configuration.has("InternalHosts") {
        return Ok(());
    }
    let path = table_directory(wanted).join(FILE);
    if draft.content(&path)?.is_none() {
        let why = text!("The tables of the daemon go there.");
        if let Some(directory) = path.parent() {
            draft.directories(directory, Attributes::PUBLIC_DIRECTORY, &why)?;
        }
        let shown = path.display();
        let words = Words::shared(
            text!("List the trusted hosts in {shown}"),
            text!("Mail that they send is signed; mail of others is verified."),
        );
        let mut content = HEAD.to_owned();
        for host in trusted(situation.postfix.as_ref()) {
            content += &host;
            content.push('\n');
        }
        draft.write(&path, content.into(), Attributes::PUBLIC_FILE, words)?;
    }
    let mut options = vec![("InternalHosts", path.display().to_string())];
    if !configuration.has("ExternalIgnoreList") {
        options.push(("ExternalIgnoreList", path.display().to_string()));
    }
    let words = Words::shared(
        text!("Name the trusted hosts in the configuration"),
        text!("So mail from the networks that Postfix relays for is signed as well."),
    );
    config_file::set(
        draft,
        &configuration.file,
        &configuration.written,
        &options,
        &words,
    )?;
    Ok(())
}

/// This host, and what Postfix counts as its own networks.
fn trusted(postfix: Option<&Postfix>) -> Vec<String> {
    let mut hosts = vec![
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        "localhost".to_owned(),
    ];
    let networks = postfix.map_or_else(Vec::new, |postfix| postfix.main.list("mynetworks"));
    for network in networks {
        if let Some(network) = plain_network(network)
            && !hosts.contains(&network)
        {
            hosts.push(network);
        }
    }
    hosts
}

/// A network of `mynetworks` in the words of host lists; `None` for tables, for exclusions, for
/// loopback addresses (they are there already) and for what is too wide to be trusted.
fn plain_network(network: &str) -> Option<String> {
    let (address, length) = match network.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (network, None),
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = address.parse().ok()?;
    let own = match address {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.to_ipv4_mapped().is_some(),
    };
    let (whole, narrowest) = match address {
        IpAddr::V4(_) => (32, NARROWEST.0),
        IpAddr::V6(_) => (128, NARROWEST.1),
    };
    let length = length.unwrap_or(whole);
    if own || length < narrowest || length > whole {
        return None;
    }
    Some(match length == whole {
        true => address.to_string(),
        false => format!("{address}/{length}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_taken_over_unless_they_are_too_wide() {
        for (network, expected) in [
            ("192.0.2.0/24", Some("192.0.2.0/24")),
            ("[2001:db8:1::]/64", Some("2001:db8:1::/64")),
            ("192.0.2.7", Some("192.0.2.7")),
            ("192.0.2.7/32", Some("192.0.2.7")),
            ("127.0.0.0/8", None),
            ("[::1]/128", None),
            ("[::ffff:127.0.0.0]/104", None),
            ("0.0.0.0/0", None),
            ("[::]/0", None),
            ("hash:/etc/postfix/network_table", None),
            ("!192.0.2.9", None),
        ] {
            assert_eq!(plain_network(network).as_deref(), expected, "{network}");
        }
    }
}
