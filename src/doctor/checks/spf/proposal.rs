//! The SPF record that ought to stand there, made of the one that does.

use std::net::IpAddr;

use super::record::{Kind, Qualifier, Record, VERSION};

/// A new record for a domain that has none: the mail exchangers, which many servers are, and each
/// address that mail leaves from.
pub(super) fn fresh(addresses: &[IpAddr]) -> String {
    with_terms(["mx".to_owned()], addresses, "~all")
}

/// One record from all that are there: the terms that can be evaluated and pass `keep`, the
/// addresses added, one `all` at the end.
pub(super) fn mended(
    records: &[Record],
    addresses: &[IpAddr],
    keep: impl Fn(&str) -> bool,
) -> String {
    let mut terms: Vec<String> = Vec::new();
    for term in records.iter().flat_map(|record| &record.terms) {
        let left_out = match &term.kind {
            Kind::All | Kind::Ptr => true,
            Kind::Redirect(_) => records.len() > 1 || records.iter().any(|r| r.all().is_some()),
            _ => false,
        };
        if !left_out && keep(&term.text) && !terms.contains(&term.text) {
            terms.push(term.text.clone());
        }
    }
    let redirected = records.iter().any(|record| record.redirect().is_some()) && records.len() == 1;
    let strict = records
        .iter()
        .any(|record| record.all() == Some(Qualifier::Fail));
    let all = match (redirected, strict) {
        (true, _) => "",
        (false, true) => "-all",
        (false, false) => "~all",
    };
    with_terms(terms, addresses, all)
}

fn with_terms(terms: impl IntoIterator<Item = String>, addresses: &[IpAddr], all: &str) -> String {
    let mut text = VERSION.to_owned();
    let mut push = |word: &str| {
        if !word.is_empty() {
            text.push(' ');
            text.push_str(word);
        }
    };
    let terms: Vec<String> = terms.into_iter().collect();
    // Addresses cost no question: they come before what does.
    for address in addresses {
        let term = term_of(*address);
        if !terms.contains(&term) {
            push(&term);
        }
    }
    for term in &terms {
        push(term);
    }
    push(all);
    text
}

/// `ip4:` or `ip6:` with the address.
pub(super) fn term_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("ip4:{v4}"),
        IpAddr::V6(v6) => format!("ip6:{v6}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_records_become_one_without_what_nobody_can_evaluate() {
        let records = [
            Record::parse("v=spf1 mx ptr ip:192.0.2.9 include:_spf.example.net -all"),
            Record::parse("v=spf1 mx a:gone.example ip4:192.0.2.1 ~all"),
        ];
        let address = "192.0.2.1".parse().unwrap();
        let mended = mended(&records, &[address], |term| term != "a:gone.example");
        assert_eq!(
            mended,
            "v=spf1 mx include:_spf.example.net ip4:192.0.2.1 -all"
        );
    }

    #[test]
    fn a_redirect_alone_stays_and_gets_no_all() {
        let records = [Record::parse("v=spf1 redirect=_spf.example.net")];
        let address = "2001:db8::1".parse().unwrap();
        assert_eq!(
            mended(&records, &[address], |_| true),
            "v=spf1 ip6:2001:db8::1 redirect=_spf.example.net"
        );
    }
}
