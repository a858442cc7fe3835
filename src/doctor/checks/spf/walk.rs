//! Follows a domain's SPF record into everything it includes, and counts what that costs (RFC 7208
//! section 4.6.4).

use std::{future::Future, pin::Pin};

use super::record::{Kind, Record, is_spf};
use dkimd_questions::Questions;
use dkimd_server::dns::DnsFailure;

/// Records read in one walk; whoever includes more has other sorrows than the rest of them.
const MOST_RECORDS: usize = 40;
/// Records within records.
const MOST_DEPTH: usize = 12;
/// Mail exchangers that one `mx` may name.
const MOST_EXCHANGERS: usize = 10;

/// One domain's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The domain.
    pub domain: String,
    /// The term that led here: `include:_spf.example.net`.
    pub via: Option<String>,
    /// What is there.
    pub found: Found,
    /// Questions that its own mechanisms cost, those of what it includes left out.
    pub own_lookups: usize,
    /// Terms whose names have no record of the wanted type.
    pub voids: Vec<String>,
    /// `mx` terms that lead to too many exchangers.
    pub wide: Vec<String>,
    /// What it includes or redirects to.
    pub children: Vec<Node>,
}

/// What stands at a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// One SPF record.
    One(String, Record),
    /// No SPF record.
    None,
    /// More than one.
    Several(Vec<String>),
    /// DNS gave no answer.
    Unanswered(DnsFailure),
    /// The domain is already being read: it includes itself.
    Circle,
    /// The name depends on the mail, or too much was read already.
    NotFollowed,
}

impl Node {
    /// Questions that the whole costs, at most.
    pub(super) fn lookups(&self) -> usize {
        let children = self.children.iter().map(Node::lookups);
        self.own_lookups + children.sum::<usize>()
    }

    /// All nodes, this one first.
    pub(super) fn all(&self) -> Vec<&Node> {
        let mut nodes = vec![self];
        for child in &self.children {
            nodes.extend(child.all());
        }
        nodes
    }

    /// Terms that led to nothing, with the domain whose record has them.
    pub(super) fn voids(&self) -> Vec<(&str, &str)> {
        let mut voids = Vec::new();
        for node in self.all() {
            voids.extend(
                node.voids
                    .iter()
                    .map(|term| (node.domain.as_str(), term.as_str())),
            );
        }
        voids
    }

    /// What each part costs, a line each, what is included further in.
    pub(super) fn breakdown(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.break_down(0, &mut lines);
        lines
    }

    fn break_down(&self, depth: usize, lines: &mut Vec<String>) {
        let name = self.via.as_deref().unwrap_or(&self.domain);
        let entered = usize::from(self.via.is_some());
        let cost = self.lookups() + entered;
        lines.push(format!("{}{name}: {cost}", "  ".repeat(depth)));
        for child in &self.children {
            child.break_down(depth + 1, lines);
        }
    }
}

/// Reads the record of `domain` and all that it includes.
pub(super) async fn walk(dns: &Questions, domain: &str, texts: &[String]) -> Node {
    let mut left = MOST_RECORDS;
    let found = found_in(texts);
    node(
        dns,
        domain.to_owned(),
        None,
        found,
        &mut left,
        &mut Vec::new(),
    )
    .await
}

fn found_in(texts: &[String]) -> Found {
    let mut records: Vec<String> = texts.iter().filter(|text| is_spf(text)).cloned().collect();
    match records.len() {
        0 => Found::None,
        1 => {
            let text = records.remove(0);
            let record = Record::parse(&text);
            Found::One(text, record)
        }
        _ => Found::Several(records),
    }
}

async fn look(dns: &Questions, domain: &str, left: &mut usize, path: &[String]) -> Found {
    if path.iter().any(|above| above == domain) {
        return Found::Circle;
    }
    if domain.contains('%') || *left == 0 || path.len() >= MOST_DEPTH {
        return Found::NotFollowed;
    }
    *left -= 1;
    match dns.txt(domain).await {
        Ok(found) => found_in(&texts(found.records)),
        Err(failure) => Found::Unanswered(failure),
    }
}

/// TXT data as text.
pub(super) fn texts(records: Vec<Vec<u8>>) -> Vec<String> {
    let text = |octets: &Vec<u8>| String::from_utf8_lossy(octets).into_owned();
    records.iter().map(text).collect()
}

type Walking<'a> = Pin<Box<dyn Future<Output = Node> + Send + 'a>>;

fn node<'a>(
    dns: &'a Questions,
    domain: String,
    via: Option<String>,
    found: Found,
    left: &'a mut usize,
    path: &'a mut Vec<String>,
) -> Walking<'a> {
    Box::pin(async move {
        let mut node = Node {
            domain,
            via,
            found,
            own_lookups: 0,
            voids: Vec::new(),
            wide: Vec::new(),
            children: Vec::new(),
        };
        let Found::One(_, record) = node.found.clone() else {
            return node;
        };
        path.push(node.domain.clone());
        for term in &record.terms {
            let target = match &term.kind {
                Kind::Include(target) => target,
                Kind::Redirect(target) if record.redirect().is_some() => target,
                _ => {
                    own_term(dns, &mut node, &term.kind, &term.text).await;
                    continue;
                }
            };
            node.own_lookups += 1;
            let found = look(dns, target, left, path).await;
            let via = Some(term.text.clone());
            let child = self::node(dns, target.clone(), via, found, left, path).await;
            node.children.push(child);
        }
        path.pop();
        node
    })
}

/// What a term costs that leads to no other record.
async fn own_term(dns: &Questions, node: &mut Node, kind: &Kind, text: &str) {
    let (name, exchangers) = match kind {
        Kind::A(name) => (name.as_deref(), false),
        Kind::Mx(name) => (name.as_deref(), true),
        Kind::Exists(name) => (Some(name.as_str()), false),
        Kind::Ptr => {
            node.own_lookups += 1;
            return;
        }
        _ => return,
    };
    node.own_lookups += 1;
    let name = name.unwrap_or(&node.domain).to_owned();
    if name.contains('%') {
        return;
    }
    let found = match exchangers {
        true => dns.mx(&name).await.map(|found| found.records.len()),
        false => dns.addresses(&name).await.map(|found| found.records.len()),
    };
    match found {
        Ok(0) => node.voids.push(text.to_owned()),
        Ok(count) if exchangers && count > MOST_EXCHANGERS => node.wide.push(text.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(domain: &str, via: Option<&str>, own_lookups: usize, children: Vec<Node>) -> Node {
        Node {
            domain: domain.to_owned(),
            via: via.map(str::to_owned),
            found: Found::None,
            own_lookups,
            voids: vec![format!("a:{domain}")],
            wide: Vec::new(),
            children,
        }
    }

    #[test]
    fn the_cost_of_what_is_included_counts_and_is_told_part_by_part() {
        let inner = made("c", Some("include:c"), 1, Vec::new());
        let middle = made("b", Some("include:b"), 3, vec![inner]);
        let top = made("a", None, 2, vec![middle]);
        assert_eq!(top.lookups(), 6);
        assert_eq!(
            top.breakdown(),
            ["a: 6", "  include:b: 5", "    include:c: 2"]
        );
        assert_eq!(top.voids(), [("a", "a:a"), ("b", "a:b"), ("c", "a:c")]);
    }
}
