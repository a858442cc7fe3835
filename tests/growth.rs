//! What strangers send is read in linear time: every parser of it is fed each awkward octet and each pair
//! of them, and its processor time may at most double where the input doubles (`trust-slow-results`).

use std::{fs, path::Path, sync::Arc, thread, time::Duration};

use dkim_core::{
    Canon, Canonicalization, UnixTime,
    atps::{AtpsHash, AtpsQuery},
    body_hash::{BodyHashSpec, BodyHashes, DigestAlgorithm},
    canon::canonical_field,
    crypto::private_key_from_pkcs8_der,
    header::{Field, HeaderSection, LeadingSpace},
    key_answer::{Dnssec, KeyAnswer},
    key_record::KeyRecord,
    name::{Auid, Domain, Selector},
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
    tag_list::TagList,
    verify::{Signature, VerificationPolicy, Verifier},
};
use dkimd_milter::{
    command::Command,
    frame::{self, FrameReader},
};
use dkimd_server::{
    decide::{Author, header_rules},
    dns::name::{DnsName, to_a_labels},
    headers::{
        auth_results::{AuthResults, ResultItem},
        auth_results_parse::{RemovalRules, authserv_id, fields_to_delete},
        report::ReportRequest,
        selection,
    },
    log::sink::one_line,
    session::{
        envelope::Envelope,
        lines,
        macros::{Lifetime, Macros},
    },
};

/// Octets and folds that mean something to some parser, and one that means nothing.
const AWKWARD: [&[u8]; 22] = [
    b"\"",
    b"\\",
    b"(",
    b")",
    b"<",
    b">",
    b"@",
    b",",
    b";",
    b":",
    b"=",
    b".",
    b"/",
    b" ",
    b"\t",
    b"\r\n ",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xff",
    b"a",
    "\u{fc}".as_bytes(),
];

/// What may stand before the long part, so that a parser is in the middle of something.
const BEGINNINGS: [&[u8]; 6] = [b"", b"\"", b"(", b"<a@", b"\"a\"@", b"a=b;"];

/// Octets of the first look.
const SHORT: usize = 6 * 1024;

/// What the first look may take without being suspect.
const HARMLESS: Duration = Duration::from_millis(if cfg!(debug_assertions) { 8 } else { 1 });

/// What the first look may take at all: more is not looked at again, so that a fault ends the test soon.
const HOPELESS: Duration = HARMLESS.saturating_mul(250);

/// How much more twice the input may cost, noise included; with squares it is four times.
const DOUBLE: f64 = 2.9;

type Parser = (&'static str, Box<dyn Fn(&[u8]) + Sync>);

fn parser(name: &'static str, run: impl Fn(&[u8]) + Sync + 'static) -> Parser {
    (name, Box::new(run))
}

/// Processor time of this thread, so that other work on the machine does not count.
fn cost(work: impl FnOnce()) -> Duration {
    let now = || {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a timespec of our own.
        let told = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        assert_eq!(told, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let begun = now();
    work();
    now() - begun
}

fn least(work: impl Fn()) -> f64 {
    (0..4)
        .map(|_| cost(&work).as_secs_f64())
        .fold(f64::INFINITY, f64::min)
}

/// Fails unless twice as much costs at most twice as much; gives what `size` costs.
fn is_linear(
    name: &str,
    input: &str,
    run: impl Fn(usize),
    size: usize,
) -> Result<Duration, String> {
    let once = cost(|| run(size));
    if once <= HARMLESS {
        return Ok(once);
    }
    if once > HOPELESS {
        return Err(format!("{name}: {input}: {once:?} for {size} octets"));
    }
    let times = [size, 2 * size, 4 * size].map(|size| least(|| run(size)));
    match times.windows(2).all(|pair| pair[1] < pair[0] * DOUBLE) {
        true => Ok(once),
        false => Err(format!(
            "{name}: {input}: {times:?} s for {size} octets, twice and four times as many"
        )),
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A signature that is right but for the value of one tag.
fn signature_with(tag: &str, value: &[u8]) -> Vec<u8> {
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let mut field = Vec::new();
    for (name, usual) in [
        ("v", "1"),
        ("a", "rsa-sha256"),
        ("c", "relaxed/relaxed"),
        ("d", "example.com"),
        ("s", "mail"),
        ("i", "a@example.com"),
        ("q", "dns/txt"),
        ("t", "1700000000"),
        ("x", "1800000000"),
        ("l", "10"),
        ("h", "from:to"),
        ("z", "From:a"),
        ("bh", hash),
        ("b", "AAAA"),
    ] {
        field.extend_from_slice(name.as_bytes());
        field.push(b'=');
        field.extend_from_slice(if name == tag { value } else { usual.as_bytes() });
        field.extend_from_slice(b"; ");
    }
    field
}

fn section(fields: &[(&[u8], &[u8])]) -> HeaderSection {
    let mut section = HeaderSection::default();
    for (name, value) in fields {
        section.push(name, value, LeadingSpace::Kept);
    }
    section
}

/// Verifies as the daemon does, to the words about it.
fn verify(section: &HeaderSection) {
    let mut policy = VerificationPolicy::default();
    policy.limit.maximum = 64;
    let now = UnixTime(1_750_000_000);
    let mut verifier = Verifier::new(section, Arc::new(policy), Some("example.com"), now);
    verifier.body(b"x\r\n");
    let record = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let answers = vec![KeyAnswer::found(record, Dnssec::Insecure); verifier.queries().len()];
    let results = verifier.finish(&answers);
    let items: Vec<ResultItem<'_>> = results.iter().map(ResultItem::from).collect();
    let field = AuthResults {
        authserv_id: "mx.example",
        job: None,
        items: &items,
        atps: None,
        omit_signature: false,
    };
    field.value();
    lines::all_results(&results);
    AtpsQuery::of(&results, "example.com");
}

fn signer() -> impl Fn(&HeaderSection) + Sync {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dkim/crypto/testdata/ed25519.pkcs8.der");
    let key = private_key_from_pkcs8_der(&fs::read(file).unwrap()).unwrap();
    let oversigned: Vec<String> = (0..4).map(|number| format!("X-{number}")).collect();
    let policies =
        [(Canon::Simple, false), (Canon::Relaxed, true)].map(|(canon, copied_headers)| {
            let all = ["**".to_owned()];
            Arc::new(SigningPolicy {
                canonicalization: Canonicalization {
                    header: canon,
                    body: canon,
                },
                headers: selection::compile(Some(&all), None, &oversigned).unwrap(),
                lifetime: None,
                copied_headers,
                request_reports: false,
                fix_crlf: false,
            })
        });
    move |section| {
        for policy in &policies {
            let request = SigningRequest {
                domain: Domain::parse("example.com").unwrap(),
                selector: Selector::parse("mail").unwrap(),
                auid: None,
                algorithm: key.algorithm(),
                body_length: BodyLength::Whole,
                extra_tags: Vec::new(),
            };
            let signer = Signer::new(Arc::clone(policy), vec![request]);
            let unsigned = signer.finish(section, UnixTime(1_700_000_000)).remove(0);
            unsigned.sign(&*key).unwrap();
        }
    }
}

fn frames(payload: &[u8], chunk: usize) {
    let mut stream = Vec::new();
    for letter in [b'D', b'L', b'B'] {
        frame::put(&mut stream, letter, payload);
    }
    let mut reader = FrameReader::default();
    for mut rest in stream.chunks(chunk) {
        while let Ok((used, Some(piece))) = reader.next(rest) {
            if let Ok(Command::Macros(macros)) = Command::read(piece) {
                macros.pairs().count();
            }
            rest = &rest[used..];
        }
    }
}

fn body(octets: &[u8], chunk: usize) {
    for fix_crlf in [false, true] {
        let mut hashes = BodyHashes::new(fix_crlf);
        for canon in [Canon::Simple, Canon::Relaxed] {
            for limit in [None, Some(100)] {
                hashes.ask(BodyHashSpec {
                    digest: DigestAlgorithm::Sha256,
                    canon,
                    limit,
                });
            }
        }
        octets.chunks(chunk).for_each(|chunk| hashes.update(chunk));
        hashes.finish();
    }
}

fn parsers() -> Vec<Parser> {
    let rules = RemovalRules::new("mx.example").remove_from(["a.example", ".example"]);
    let all_rules = rules.clone().all_methods(true);
    let sign = signer();
    let atps = AtpsQuery::new("a.example", AtpsHash::Sha256, "b.example");
    let mut parsers = vec![
        parser("From", |octets| {
            let _ = Author::parse(octets);
        }),
        parser("Authentication-Results", move |octets| {
            rules.matches(octets);
        }),
        parser("Authentication-Results after a host", move |octets| {
            all_rules.matches(&[b" a.example ", octets].concat());
            all_rules.matches(&[b" a.example; ", octets].concat());
        }),
        parser("authserv-id", |octets| {
            authserv_id(octets);
        }),
        parser("DKIM-Signature", |octets| {
            let _ = Signature::parse(octets);
        }),
        parser("key record", |octets| {
            let _ = KeyRecord::parse(octets);
            KeyAnswer::found(&[b"v=DKIM1; p=", octets].concat(), Dnssec::Insecure);
        }),
        parser("tag list", |octets| {
            let _ = TagList::parse(octets);
        }),
        parser("report record", |octets| {
            ReportRequest::parse(octets);
            ReportRequest::parse(&[b"ra=", octets].concat());
            ReportRequest::parse(&[b"ro=", octets].concat());
            ReportRequest::parse(&[b"ra=a; rs=", octets].concat());
        }),
        parser("ATPS record", move |octets| {
            atps.is_granted_by(octets);
        }),
        parser("canonical field", |octets| {
            for canon in [Canon::Simple, Canon::Relaxed] {
                for (name, value) in [(&b"X"[..], octets), (octets, b" x")] {
                    canonical_field(canon, Field { name, value }, &mut Vec::new());
                }
            }
        }),
        parser("body", |octets| body(octets, octets.len().max(1))),
        parser("body in small chunks", |octets| body(octets, 7)),
        parser("domain name", |octets| {
            let text = text(octets);
            let _ = to_a_labels(&text);
            let _ = DnsName::parse(&text);
            let _ = Domain::parse(&text);
            let _ = Auid::parse(&text);
            let _ = Selector::parse(&text);
        }),
        parser("frames", |octets| frames(octets, 100)),
        parser("frames in large reads", |octets| frames(octets, 1 << 16)),
        parser("macros and envelope", |octets| {
            let mut macros = Macros::new(["listed"]);
            for part in octets.chunks(3) {
                macros.define(Lifetime::Message, part, part);
                macros.define(Lifetime::Message, b"listed", part);
            }
            macros.define(Lifetime::Message, octets, octets);
            let mut envelope = Envelope::from_sender(octets, true);
            octets
                .chunks(3)
                .for_each(|part| envelope.add_recipient(part));
            envelope.add_recipient(octets);
        }),
        parser("header section", |octets| {
            let section = section(&[
                (b"From", octets),
                (b"DKIM-Signature", octets),
                (octets, b" x"),
                (b"Authentication-Results", octets),
            ]);
            header_rules::strict_fault(&section);
            header_rules::required_fault(&section);
            fields_to_delete(&section, &RemovalRules::new("mx.example"));
            verify(&section);
        }),
        parser("signing", move |octets| {
            let mut fields: Vec<(&[u8], &[u8])> = vec![(b"From", octets), (octets, octets)];
            fields.extend(octets.chunks(50).map(|name| (name, &b" x"[..])));
            sign(&section(&fields));
        }),
        parser("log line", |octets| {
            let line = lines::unparsable_sender("From", &text(octets));
            one_line(&line);
        }),
    ];
    for tag in [
        "v", "a", "c", "d", "s", "i", "q", "t", "x", "l", "h", "z", "bh", "b",
    ] {
        parsers.push(parser("DKIM-Signature's tag", move |octets| {
            let value = signature_with(tag, octets);
            let _ = Signature::parse(&value);
        }));
    }
    for tag in ["h", "i", "z", "b", "n"] {
        parsers.push(parser("verifying by a signature's tag", move |octets| {
            let value = signature_with(tag, octets);
            verify(&section(&[
                (b"From", b" a@example.com"),
                (b"DKIM-Signature", &value),
            ]));
        }));
    }
    parsers
}

/// The inputs of a size: a beginning, then two awkward octets in turn, or first one and then the other.
fn inputs() -> Vec<(String, impl Fn(usize) -> Vec<u8>)> {
    let mut inputs = Vec::new();
    for (first, one) in AWKWARD.iter().enumerate() {
        for (second, other) in AWKWARD.iter().enumerate() {
            for (place, beginning) in BEGINNINGS.iter().enumerate() {
                // The beginnings take turns, so that each octet meets each in one pair or another.
                let chosen = place == 0 || (first + second) % (BEGINNINGS.len() - 1) + 1 == place;
                for halves in [false, true] {
                    if !chosen || (halves && first == second) {
                        continue;
                    }
                    let name = format!("{beginning:?} {one:?} {other:?} in halves: {halves}");
                    inputs.push((name, move |size: usize| {
                        let mut octets = beginning.to_vec();
                        if halves {
                            octets.extend(one.repeat(size / 2 / one.len()));
                            octets.extend(other.repeat(size / 2 / other.len()));
                        } else {
                            octets.extend(
                                [*one, *other]
                                    .concat()
                                    .repeat(size / (one.len() + other.len())),
                            );
                        }
                        octets
                    }));
                }
            }
        }
    }
    inputs
}

/// Runs each of the cases, two at a time; all that fail are told.
fn all_are_linear<C: Sync>(cases: &[C], run: impl Fn(&C) -> Result<(), String> + Sync) {
    let faults: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let (run, cases) = (&run, cases);
                scope.spawn(move || {
                    let mine = cases.iter().skip(worker).step_by(2);
                    mine.filter_map(|case| run(case).err()).collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn every_parser_of_what_strangers_send_is_linear() {
    let inputs = inputs();
    all_are_linear(&parsers(), |(parser, run)| {
        let mut worst = Duration::ZERO;
        let mut faults = Vec::new();
        for (name, make) in &inputs {
            match is_linear(parser, name, |size| run(&make(size)), SHORT) {
                Ok(once) => worst = worst.max(once),
                Err(fault) => faults.push(fault),
            }
            if faults.len() > 5 {
                break;
            }
        }
        println!("{parser}: {worst:?} at most for {SHORT} octets");
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults.join("\n")),
        }
    });
}

/// Constructions of several fields, or of parts that no pair of octets makes; all of a size.
#[test]
fn many_fields_names_and_signatures_cost_no_more_than_their_sum() {
    type Make = Box<dyn Fn(usize) -> HeaderSection + Sync>;
    let case = |name: &'static str, make: Make| (name, make);
    let names: String = (0..500).map(|n| format!("X-{n}:")).collect();
    let long_h = signature_with("h", format!("{names}from").as_bytes());
    let same_h = signature_with("h", format!("{}from", "x-1:".repeat(500)).as_bytes());
    let cases = vec![
        case(
            "fields of different names, h= of 500 names, 64 signatures",
            Box::new(move |size| {
                let mut section = section(&[(b"From", b" a@example.com")]);
                (0..size / 10).for_each(|n| {
                    section.push(format!("X-{n}").as_bytes(), b" x", LeadingSpace::Kept)
                });
                (0..64).for_each(|_| section.push(b"DKIM-Signature", &long_h, LeadingSpace::Kept));
                section
            }),
        ),
        case(
            "fields of one name, h= that names it 500 times, 64 signatures",
            Box::new(move |size| {
                let mut section = section(&[(b"From", b" a@example.com")]);
                (0..size / 10).for_each(|_| section.push(b"X-1", b" x", LeadingSpace::Kept));
                (0..64).for_each(|_| section.push(b"DKIM-Signature", &same_h, LeadingSpace::Kept));
                section
            }),
        ),
        case(
            "nothing but signatures",
            Box::new(|size| {
                let value = signature_with("h", b"from");
                let mut section = section(&[(b"From", b" a@example.com")]);
                (0..size / 100)
                    .for_each(|_| section.push(b"DKIM-Signature", &value, LeadingSpace::Kept));
                section
            }),
        ),
        case(
            "nothing but malformed signatures",
            Box::new(|size| {
                let mut section = section(&[(b"From", b" a@example.com")]);
                (0..size / 10)
                    .for_each(|_| section.push(b"DKIM-Signature", b" v=1", LeadingSpace::Kept));
                section
            }),
        ),
        case(
            "nothing but results",
            Box::new(|size| {
                let mut section = HeaderSection::default();
                (0..size / 10).for_each(|_| {
                    section.push(
                        b"Authentication-Results",
                        b" mx.example; none",
                        LeadingSpace::Kept,
                    )
                });
                section
            }),
        ),
        case(
            "nothing but From",
            Box::new(|size| {
                let mut section = HeaderSection::default();
                (0..size / 10)
                    .for_each(|_| section.push(b"From", b" a@example.com", LeadingSpace::Kept));
                section
            }),
        ),
        case(
            "fields without name and value",
            Box::new(|size| {
                let mut section = HeaderSection::default();
                (0..size / 3).for_each(|_| section.push(b"", b"", LeadingSpace::Kept));
                section
            }),
        ),
    ];
    let sign = signer();
    all_are_linear(&cases, |(name, make)| {
        let made = [1, 2, 4].map(|times| make(times * 4 * SHORT));
        is_linear(
            name,
            "",
            |size| {
                let section = &made[(size / 4 / SHORT).trailing_zeros() as usize];
                verify(section);
                sign(section);
                header_rules::strict_fault(section);
                fields_to_delete(section, &RemovalRules::new("mx.example"));
            },
            4 * SHORT,
        )
        .map(drop)
    });
}

/// What looks like an address over and over: each part is read once.
#[test]
fn long_addresses_are_read_once() {
    let parts: [(&[u8], &[u8]); 12] = [
        (b"\"", b"a"),
        (b"\"\"@", b":"),
        (b"a@b", b"<c@d>"),
        (b"g:", b"a@b,"),
        (b"", b"=?utf-8?q?=41?= "),
        (b"", b"(a)"),
        (b"", b"\"a\" "),
        (b"<", b"@a,"),
        (b"<", b"\"a\""),
        (b"a@", b"[a]"),
        (b"", b"a. "),
        (b"a", b" @ "),
    ];
    let quoted_then_colons = |size: usize| {
        let quoted = [b"\"", "a".repeat(size / 2).as_bytes(), b"\"@"].concat();
        [quoted.as_slice(), ":".repeat(size / 2).as_bytes()].concat()
    };
    all_are_linear(&parts, |(beginning, part)| {
        let make = |size: usize| [beginning, part.repeat(size / part.len()).as_slice()].concat();
        let name = format!("{:?} {:?}", text(beginning), text(part));
        let author = |octets: Vec<u8>| drop(Author::parse(&octets));
        is_linear("From", &name, |size| author(make(size)), SHORT)?;
        is_linear(
            "From",
            "a quoted string, then colons",
            |size| author(quoted_then_colons(size)),
            SHORT,
        )
        .map(drop)
    });
}
