//! Certificates made by openssl(1), as administrators make them.

use std::{fs, path::Path, process::Command};

use rustls_pki_types::pem::PemObject;

use super::*;

/// Days that the certificates live.
const LIFE: u64 = 90;
const NAME: &str = "mail.example.com";

struct Authority {
    directory: tempfile::TempDir,
}

fn openssl(directory: &Path, arguments: &str, more: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments.split_ascii_whitespace())
        .args(more)
        .current_dir(directory)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments}: {complaint}");
}

impl Authority {
    fn new() -> Self {
        Self::named("Authority")
    }

    fn named(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        openssl(
            directory.path(),
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
             -subj /CN={name} -days 7300"
            ),
            &[],
        );
        Self { directory }
    }

    /// A certificate for `name`.
    fn issue(&self, name: &str) -> Vec<CertificateDer<'static>> {
        self.issue_with(name, "")
    }

    /// The same with a further extension.
    fn issue_with(&self, name: &str, extension: &str) -> Vec<CertificateDer<'static>> {
        let directory = self.directory.path();
        openssl(
            directory,
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr \
             -subj /CN=leaf",
            &[],
        );
        fs::write(
            directory.join("ext"),
            format!("subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n{extension}\n"),
        )
        .unwrap();
        openssl(
            directory,
            &format!(
                "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem \
                 -extfile ext -days {LIFE}"
            ),
            &[],
        );
        vec![self.read("leaf.pem")]
    }

    fn self_signed(&self, more: &[&str]) -> Vec<CertificateDer<'static>> {
        openssl(
            self.directory.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -out \
             self.pem -days 90",
            more,
        );
        vec![self.read("self.pem")]
    }

    fn read(&self, file: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.directory.path().join(file)).unwrap()
    }

    fn trust(&self) -> Trust {
        Trust::in_those(&[self.read("ca.pem")])
    }
}

fn flaws(trust: &Trust, chain: &[CertificateDer<'_>], names: &[&str]) -> Vec<Flaw> {
    flaws_after(trust, chain, names, 1)
}

/// As they are so many days after the certificates were made.
fn flaws_after(
    trust: &Trust,
    chain: &[CertificateDer<'_>],
    names: &[&str],
    days: u64,
) -> Vec<Flaw> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let now = SystemTime::now() + Duration::from_secs(days * DAY_SECONDS);
    trust.flaws(chain, &names, now)
}

#[test]
fn a_good_certificate_has_no_flaw() {
    let authority = Authority::new();
    let chain = authority.issue(NAME);
    assert_eq!(flaws(&authority.trust(), &chain, &[NAME]), []);
    assert_eq!(flaws(&authority.trust(), &[], &[NAME]), []);
}

#[test]
fn its_time_is_seen() {
    let authority = Authority::new();
    let trust = authority.trust();
    let chain = authority.issue(NAME);
    let flaw = &flaws_after(&trust, &chain, &[NAME], LIFE + 1)[0];
    let Flaw::Expired { not_after } = flaw else {
        panic!("{flaw:?}")
    };
    let finding = flaw.finding("127.0.0.1:25", &[NAME.to_owned()], Obtained::ByCertbot);
    assert!(
        finding.evidence[0].contains(&day(*not_after)),
        "{finding:?}"
    );

    let found = flaws_after(&trust, &chain, &[NAME], LIFE - 3);
    assert!(
        matches!(found[..], [Flaw::Ending { days: 2 | 3, .. }]),
        "{found:?}"
    );

    let names = [NAME.to_owned()];
    let early = SystemTime::now() - Duration::from_secs(2 * DAY_SECONDS);
    let found = trust.flaws(&chain, &names, early);
    assert!(matches!(found[..], [Flaw::NotYet { .. }]), "{found:?}");
}

#[test]
fn its_names_are_compared() {
    let authority = Authority::new();
    let trust = authority.trust();
    let chain = authority.issue("www.example.net");
    let found = flaws(&trust, &chain, &[NAME]);
    assert!(
        matches!(
            &found[..],
            [Flaw::OtherName {
                none_fits: true,
                ..
            }]
        ),
        "{found:?}"
    );
    let finding = found[0].finding("127.0.0.1:25", &[NAME.to_owned()], Obtained::ByCertbot);
    assert_eq!(finding.evidence[0], "names: www.example.net (127.0.0.1:25)");
    let found = flaws(&trust, &chain, &[NAME, "www.example.net"]);
    assert!(
        matches!(
            &found[..],
            [Flaw::OtherName {
                none_fits: false,
                ..
            }]
        ),
        "{found:?}"
    );
}

#[test]
fn without_a_name_only_the_rest_is_judged() {
    let authority = Authority::new();
    let trust = authority.trust();
    let chain = authority.issue("www.example.net");
    assert_eq!(flaws(&trust, &chain, &[]), []);
    let found = flaws_after(&trust, &chain, &[], LIFE - 3);
    assert!(matches!(found[..], [Flaw::Ending { .. }]), "{found:?}");
}

#[test]
fn a_certificate_for_something_else_is_told_in_words() {
    let authority = Authority::new();
    let chain = authority.issue_with(NAME, "extendedKeyUsage=emailProtection");
    let words = "not made for TLS servers (extended key usage)";
    assert_eq!(
        flaws(&authority.trust(), &chain, &[NAME]),
        [Flaw::Unusable(words.to_owned())]
    );
}

#[test]
fn what_signs_itself_is_told_from_an_unknown_authority() {
    let authority = Authority::new();
    let stranger = Authority::named("Stranger");
    let trust = authority.trust();
    let subject = format!("/CN={NAME}");
    let name = format!("subjectAltName=DNS:{NAME}");
    let usual = authority.self_signed(&["-subj", &subject, "-addext", &name]);
    assert_eq!(flaws(&trust, &usual, &[NAME]), [Flaw::SelfSigned]);
    let snakeoil = authority.self_signed(&[
        "-subj",
        &subject,
        "-addext",
        &name,
        "-addext",
        "basicConstraints=CA:FALSE",
    ]);
    assert_eq!(flaws(&trust, &snakeoil, &[NAME]), [Flaw::SelfSigned]);
    let foreign = stranger.issue(NAME);
    let unknown = Flaw::UnknownIssuer { sent: 1 };
    assert_eq!(flaws(&trust, &foreign, &[NAME]), [unknown]);
    assert!(matches!(
        flaws(&trust, &[CertificateDer::from(vec![0; 9])], &[NAME])[..],
        [Flaw::Unusable(_)]
    ));
}
