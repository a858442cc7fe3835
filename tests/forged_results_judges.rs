//! Random Authentication-Results fields, judged by readers that sites run behind dkimd: what any of
//! them takes for our word is deleted, and what all of them take for another's stays.
//!
//! `DKIMD_FUZZ_SEED` starts from another number, `DKIMD_FUZZ_FIELDS` tries more fields.

#[path = "support/peers.rs"]
mod peers;

use std::time::Instant;

use dkim_core::outcome::ResultWord;
use dkimd_server::headers::{
    auth_results::{AuthResults, ResultItem},
    auth_results_parse::RemovalRules,
};
use peers::Chance;

const OURS: &str = "mail.example.com";
const RESULT: &str = "; dkim=pass header.d=bank.example";

/// Octets that mean something to one reader or another, and some that mean nothing.
const ODD: &[u8] = b" \t\x0b\x0c\0\x01\x7f()\"\\/=@,:;<>[]?.-_1aZ\x85\xa0\xc2\xc3\xff";

const PIECES: &[&str] = &[
    "mail",
    "example",
    "com",
    "mail.",
    ".example.",
    ".com",
    "example.com",
    ".",
    "..",
    "m",
    "x",
    "evil.example",
    "mx.example.org",
    "MAIL",
    "Example",
    "1",
    "01",
    "2",
    "/",
    "/4XyZ",
    "v=1",
    "Authentication-Results:",
    "dkim=pass",
    "none",
    "ｍ",
    "é",
    "\u{a0}",
    "\u{3002}",
    "\u{2028}",
];

const BETWEEN: &[&str] = &[
    " ",
    "  ",
    "\t",
    "\n\t",
    "\n ",
    "\x0b",
    "\x0c",
    "\0",
    "\x01",
    "(",
    ")",
    "((",
    "))",
    "()",
    "(x)",
    "(x (y) z)",
    "(\\))",
    "(\\()",
    "(\\\\)",
    "(\")",
    "(;)",
    "\"",
    "\"\"",
    "\";\"",
    "\"(\"",
    "\")\"",
    "\"x\"",
    "\\\"",
    "\\",
    "\\\\",
    "\\(",
    "\\)",
    "\\;",
    "\\ ",
    "=",
    "@",
    ",",
    ":",
    "<",
    ">",
    "[",
    "]",
    "?",
    ";",
];

const RESTS: &[&str] = &[
    "",
    ";",
    "; none",
    ";; dkim=pass header.d=bank.example",
    "; spf=pass; dkim=pass header.d=bank.example",
    ";dkim=pass (2048-bit key) header.d=bank.example",
    "; dkim=pass reason=\"x;y\" header.d=bank.example",
    " dkim=pass header.d=bank.example",
    "\\; dkim=pass header.d=bank.example",
    "; \"dkim\"=pass header.d=bank.example",
    "; dkim=pass header.d=bank.example (\"never closed",
];

/// Random fields that try to be ours.
struct Forger(Chance);

impl Forger {
    fn field(&mut self) -> Vec<u8> {
        let mut head = match self.0.below(10) {
            0..4 => self.soup(),
            4..7 => OURS.as_bytes().to_vec(),
            7..9 => self.dressed(),
            _ => self.octets(30),
        };
        let most = [0, 0, 1, 1, 2, 3, 5][self.0.below(7)];
        for _ in 0..self.0.below(most + 1) {
            self.mutate(&mut head);
        }
        let lead = self.0.one_of(&[" ", " ", " ", "", "\n\t"]);
        let rest = if self.0.one_in(5) {
            self.0.one_of(RESTS)
        } else {
            RESULT
        };
        [lead.as_bytes(), &head, rest.as_bytes()].concat()
    }

    fn name(&mut self) -> Vec<u8> {
        let mut name = OURS.as_bytes().to_vec();
        match self.0.below(6) {
            0 => name.make_ascii_uppercase(),
            1 => {
                let at = self.0.below(name.len());
                name.insert(at, b'\\');
            }
            2 => {
                let at = self.0.below(name.len() + 1);
                let between = self.0.one_of(BETWEEN).as_bytes();
                name.splice(at..at, between.iter().copied());
            }
            _ => {}
        }
        name
    }

    /// Names, pieces of names, and what may stand between.
    fn soup(&mut self) -> Vec<u8> {
        let mut head = Vec::new();
        for _ in 0..=self.0.below(6) {
            match self.0.below(4) {
                0 => head.extend(self.name()),
                1 => head.extend(self.0.one_of(PIECES).bytes()),
                _ => head.extend(self.0.one_of(BETWEEN).bytes()),
            }
        }
        head
    }

    /// Our name as the grammar allows it to be written.
    fn dressed(&mut self) -> Vec<u8> {
        let name = self.name();
        let (before, after) = *[
            ("\"", "\""),
            ("(a (b \\) c) d)", ""),
            ("", " 1"),
            ("", "\n\t1 (x)"),
            ("", "/4XyZ"),
            ("", "."),
            ("(x) ", " (y)"),
            ("\"\"", ""),
            ("\"(x)\" ", ""),
            (")", ""),
            ("", ")"),
        ]
        .get(self.0.below(11))
        .unwrap();
        [before.as_bytes(), &name, after.as_bytes()].concat()
    }

    fn octets(&mut self, most: usize) -> Vec<u8> {
        let count = self.0.below(most);
        (0..count).map(|_| ODD[self.0.below(ODD.len())]).collect()
    }

    fn mutate(&mut self, head: &mut Vec<u8>) {
        let at = self.0.below(head.len() + 1);
        let octet = ODD[self.0.below(ODD.len())];
        match self.0.below(5) {
            0 if at < head.len() => head[at] = octet,
            1 if at < head.len() => {
                head.remove(at);
            }
            2 => {
                let more = self.0.one_of(BETWEEN).bytes();
                head.splice(at..at, more);
            }
            _ => head.insert(at, octet),
        }
    }
}

/// Random fields of others that mention us.
struct Others(Chance);

impl Others {
    fn field(&mut self) -> Vec<u8> {
        let host = match self.0.below(8) {
            0 => format!("x{OURS}"),
            1 => format!("{}.{OURS}", self.label()),
            2 => format!("{}-{OURS}", self.label()),
            3 => format!("{OURS}.{}.example", self.label()),
            4 => format!("{OURS}{}", self.0.one_of(&["-1", "x", "_", ".br", "1"])),
            5 => OURS[self.0.below(4) + 1..].to_owned(),
            _ => format!("{}.{}.example", self.label(), self.label()),
        };
        let host = match self.0.below(6) {
            0 => host.to_ascii_uppercase(),
            1 => format!("\"{host}\""),
            _ => host,
        };
        let end = match self.0.below(8) {
            0 => ":25",
            1 => "/4XyZ1a2b3c",
            2 => " 1",
            3 => "/mail.example.com",
            4 => ".",
            _ => "",
        };
        let (before, after) = (self.comment(), self.comment());
        let more = self.0.one_of(&[
            "; dkim=pass header.d=mail.example.com header.i=@mail.example.com",
            "; dkim=pass (mail.example.com; 2048-bit key) header.d=bank.example",
            "; spf=pass reason=\"mail.example.com; dkim=pass\" smtp.mailfrom=mail.example.com",
            "; iprev=pass policy.iprev=192.0.2.1 (mail.example.com);\n\tdkim=none",
            "; none",
            "; arc=pass (i=1 dkim=pass; mail.example.com); dkim=pass header.d=bank.example",
        ]);
        format!(" {before}{host}{end}{after}{more}").into_bytes()
    }

    fn label(&mut self) -> String {
        let letters = "abcmx01";
        let length = self.0.below(7) + 1;
        let letter = |_| letters.as_bytes()[self.0.below(letters.len())] as char;
        (0..length).map(letter).collect()
    }

    /// A comment as the grammar has it, mostly with our name in it, or none.
    fn comment(&mut self) -> String {
        if self.0.one_in(2) {
            return String::new();
        }
        let mut comment = OURS.to_owned();
        for _ in 0..self.0.below(4) {
            comment = match self.0.below(6) {
                0 => format!("({comment})"),
                1 => format!("x ({comment}) {OURS}"),
                2 => format!("{comment}; dkim=pass"),
                3 => format!("\\( {comment}"),
                4 => format!("\" {comment}"),
                _ => format!("by\n\t{comment} \\\\"),
            };
        }
        format!("({comment}) ")
    }
}

/// What each reader says of each field, one string of letters for a field.
fn judged(fields: &[Vec<u8>]) -> Vec<String> {
    let cases: Vec<_> = fields
        .iter()
        .map(|field| data_encoding::HEXLOWER.encode(field))
        .collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/forged/judges.py");
    peers::ask("/usr/bin/python3", "-B", script, &cases)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn shown(field: &[u8]) -> String {
    field.escape_ascii().to_string()
}

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn no_field_that_a_reader_takes_for_ours_stays() {
    let seed = setting("DKIMD_FUZZ_SEED", 10);
    let count = setting("DKIMD_FUZZ_FIELDS", 200_000);
    let rules = RemovalRules::new(OURS);
    let mut forger = Forger(Chance(seed));
    let began = Instant::now();
    let mut kept = Vec::new();
    for _ in 0..count {
        let field = forger.field();
        if !rules.matches(&field) {
            kept.push(field);
        } else if let Some(nul) = field.iter().position(|&octet| octet == 0) {
            // What a milter gets of it.
            if !rules.matches(&field[..nul]) {
                kept.push(field[..nul].to_vec());
            }
        }
    }
    let searched = began.elapsed();
    // The readers are awake: each of these is believed by those who are named.
    let believed: &[(&str, &str)] = &[
        (" mail.example.com", "dmp"),
        (" \\mail.example.com", "dm"),
        (" )mail.example.com", "dm"),
        (" \"(x)\" mail.example.com", "dm"),
        (" mail.example.com x", "p"),
        (" mail.example.com/4XyZ", "dp"),
        (" Authentication-Results: mail.example.com", "p"),
        (" mx.example.org", ""),
    ];
    let known = believed
        .iter()
        .map(|(head, _)| format!("{head}{RESULT}").into_bytes());
    let fields: Vec<_> = known.chain(kept).collect();
    let said = judged(&fields);
    for ((head, letters), said) in believed.iter().zip(&said) {
        assert_eq!(said, letters, "{head}");
    }
    let stayed: Vec<_> = fields
        .iter()
        .zip(&said)
        .skip(believed.len())
        .filter(|(_, letters)| !letters.is_empty())
        .map(|(field, letters)| format!("{letters}: {}", shown(field)))
        .collect();
    println!(
        "seed {seed}: {count} fields, searched in {searched:.1?}; {} kept ones judged in {:.0?}",
        fields.len() - believed.len(),
        began.elapsed() - searched
    );
    assert!(
        stayed.is_empty(),
        "{} fields stay although a reader believes them (d opendkim, m OpenDMARC, p Perl): {:#?}",
        stayed.len(),
        &stayed[..stayed.len().min(40)]
    );
}

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn what_every_reader_takes_for_another_s_stays() {
    let seed = setting("DKIMD_FUZZ_SEED", 10);
    let count = setting("DKIMD_FUZZ_FIELDS", 20_000);
    let rules = RemovalRules::new(OURS);
    let mut others = Others(Chance(seed));
    let fields: Vec<_> = (0..count).map(|_| others.field()).collect();
    let said = judged(&fields);
    let unbelieved: Vec<_> = fields
        .iter()
        .zip(&said)
        .filter(|(_, letters)| letters.is_empty())
        .map(|(field, _)| field)
        .collect();
    let gone: Vec<_> = unbelieved
        .iter()
        .filter(|field| rules.matches(field))
        .map(|field| shown(field))
        .collect();
    println!("seed {seed}: {} fields of others", unbelieved.len());
    assert!(
        unbelieved.len() * 10 > fields.len() * 9,
        "{}",
        unbelieved.len()
    );
    assert!(
        gone.is_empty(),
        "{} fields are deleted although nobody takes them for ours: {:#?}",
        gone.len(),
        &gone[..gone.len().min(40)]
    );
}

/// How many results python3-authres finds; one that it can't read has none.
const AUTHRES: &str = r#"
import sys, authres
for line in sys.stdin:
    value = bytes.fromhex(line.strip()).decode()
    try:
        print(len(authres.AuthenticationResultsHeader.parse_value(" ".join(value.split())).results))
    except (authres.core.AuthResError, IndexError):
        print(0)
"#;

/// How many results Perl's Mail::AuthenticationResults finds.
const PERL_RESULTS: &str = r#"
use Mail::AuthenticationResults::Parser; use Encode;
while (<STDIN>) {
    chomp;
    my $header = eval { Mail::AuthenticationResults::Parser->new()->parse(decode("UTF-8", pack("H*", $_))) };
    print defined $header ? scalar(grep { $_->key() eq "dkim" } @{$header->children()}) : 0, "\n";
}
"#;

/// How many results somebody finds who parts a field at semicolons, and how often the words of a
/// result occur at all.
fn naively(value: &str) -> (usize, usize) {
    let parts = value.split(';').filter(|part| {
        let method = part.split('=').next().unwrap_or_default().trim();
        part.contains('=') && !method.is_empty() && method.chars().all(|c| c.is_ascii_lowercase())
    });
    let squeezed: String = value
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\\'))
        .collect();
    (
        parts.count(),
        squeezed.to_lowercase().matches("dkim=").count(),
    )
}

#[test]
#[ignore = "needs Debian's packages and root: tests/run runs it"]
fn no_signature_can_write_a_second_result() {
    const TOKENS: &[&[u8]] = &[
        b"; ",
        b";",
        b"dkim=pass",
        b" header.d=bank.example",
        b"\"",
        b"\\",
        b"\\\"",
        b"(",
        b")",
        b"@",
        b".",
        b"a",
        b"spf=pass",
        b"=",
        b"/",
        b"\r\n\t",
        b"\n",
        b" ",
        b"mail.example.com",
        b"<",
        b">",
        b",",
        b":",
        "\u{202e}".as_bytes(),
        "é".as_bytes(),
        b"?",
    ];
    let seed = setting("DKIMD_FUZZ_SEED", 10);
    let mut chance = Chance(seed);
    let mut text = |most| String::from_utf8(chance.tokens(TOKENS, most)).unwrap();
    let forged = "mail.example.com; dkim=fail header.i=\"; dkim=pass header.d=bank.example; x=\"@x";
    let twice = "mail.example.com; dkim=fail; dkim=pass header.d=bank.example";
    let mut values = vec![forged.to_owned(), twice.to_owned()];
    for _ in 0..5000 {
        let auid = format!("{}@evil.example", text(6));
        let quoted = format!("\"{}\"@evil.example", text(6).replace('"', "\\\""));
        let (domain, selector, algorithm, b) = (text(3), text(3), text(3), text(3));
        let items = [
            ResultItem {
                domain: Some("evil.example"),
                auid: Some(&auid),
                selector: Some(&selector),
                algorithm: Some(&algorithm),
                signature: Some(&b),
                ..ResultItem::of(ResultWord::Fail)
            },
            ResultItem {
                domain: Some(&domain),
                auid: Some(&quoted),
                reason: Some("signature verification failed"),
                signature: Some("dkim=pass"),
                ..ResultItem::of(ResultWord::Permerror)
            },
        ];
        let field = AuthResults {
            authserv_id: "mail.example.com",
            job: None,
            items: &items,
            atps: None,
            omit_signature: false,
        };
        values.push(field.value());
    }
    let fields: Vec<_> = values
        .iter()
        .map(|value| format!(" {value}").into_bytes())
        .collect();
    let cases: Vec<_> = fields
        .iter()
        .map(|field| data_encoding::HEXLOWER.encode(field))
        .collect();
    let authres = peers::ask("/usr/bin/python3", "-c", AUTHRES, &cases);
    let perl = peers::ask("perl", "-e", PERL_RESULTS, &cases);
    let believed = judged(&fields);
    // The readers find what is there.
    assert_eq!(naively(forged), (3, 2));
    assert_eq!((&*authres[1], &*perl[1]), ("2", "2"));
    assert!(believed[1].contains('m'), "{}", believed[1]);
    let mut read = 0;
    for (number, value) in values.iter().enumerate().skip(2) {
        let shown = value.escape_debug();
        assert_eq!(naively(value), (2, 2), "{shown}");
        for found in [&authres[number], &perl[number]] {
            // Letters beyond ASCII (RFC 8616), or a slash in `header.b`, are more than some read.
            assert!(found == "2" || found == "0", "{found}: {shown}");
            read += usize::from(found == "2");
        }
        assert!(!believed[number].contains('m'), "{shown}");
    }
    assert!(read > values.len(), "only {read} readings came to an end");
    println!("seed {seed}: {} fields of our own", values.len() - 2);
}
