//! Groups that Postfix's user has by now, and running services that were started before it had them.

use std::{collections::BTreeSet, fs};

use super::access::Visitor;
use crate::codes;
use dkimd_advice::{Finding, text};
use dkimd_server::keys::accounts::group_name;

/// Services that connect to filters.
const SERVICES: [&str; 2] = ["smtpd", "cleanup"];

/// A running service of Postfix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Running {
    pid: u32,
    name: String,
    uid: u32,
    groups: BTreeSet<u32>,
}

/// Running services that lack the group of the socket's way, which Postfix's user has by now.
pub(super) fn judge(visitor: &Visitor, needed: &[u32]) -> Option<Finding> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return None;
    };
    let running = processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(running);
    lacking(running, visitor, needed).map(|(service, gid)| finding(&service, visitor, gid))
}

fn lacking(
    mut services: impl Iterator<Item = Running>,
    visitor: &Visitor,
    needed: &[u32],
) -> Option<(Running, u32)> {
    services.find_map(|service| {
        let missing = needed
            .iter()
            .find(|gid| visitor.groups.contains(gid) && !service.groups.contains(gid));
        let gid = *missing.filter(|_| service.uid == visitor.uid)?;
        Some((service, gid))
    })
}

fn running(pid: u32) -> Option<Running> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let running = parse(pid, &status)?;
    SERVICES.contains(&running.name.as_str()).then_some(running)
}

fn parse(pid: u32, status: &str) -> Option<Running> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let numbers = |text: &str| -> Vec<u32> {
        text.split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let mut groups: BTreeSet<u32> = numbers(field("Groups:")?).into_iter().collect();
    groups.extend(numbers(field("Gid:")?));
    Some(Running {
        pid,
        name: field("Name:")?.trim().to_owned(),
        uid: *numbers(field("Uid:")?).get(1)?,
        groups,
    })
}

fn finding(service: &Running, visitor: &Visitor, gid: u32) -> Finding {
    let (name, group) = (&visitor.name, group_name(gid));
    let (process, pid) = (&service.name, service.pid);
    Finding::fail(
        codes::MILTER_GROUP_NOT_IN_EFFECT,
        group.clone(),
        text!("user {name} is in the group {group}, but {process}[{pid}] was started before and does not know"),
    )
    .why(text!("that process can't reach the milter's socket until it is replaced"))
    .command("postfix reload")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str =
        "Name:\tsmtpd\nUid:\t101\t101\t101\t101\nGid:\t103\t103\t103\t103\nGroups:\t103 45 \n";

    #[test]
    fn a_service_older_than_its_users_group_is_found() {
        let service = parse(7, STATUS).unwrap();
        let visitor = Visitor {
            name: "postfix".to_owned(),
            uid: 101,
            groups: vec![103, 118],
        };
        let found = lacking(std::iter::once(service.clone()), &visitor, &[118]);
        assert_eq!(
            found.map(|(service, gid)| (service.pid, gid)),
            Some((7, 118))
        );
        assert_eq!(
            lacking(std::iter::once(service.clone()), &visitor, &[103]),
            None
        );
        assert_eq!(lacking(std::iter::once(service), &visitor, &[45]), None);
    }
}
