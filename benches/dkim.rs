//! What signing costs, each part beside the bare operation it can't do without.

use std::{hint::black_box, sync::Arc};

use aws_lc_rs::digest;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dkim_core::{
    Canon, Canonicalization, UnixTime,
    body_hash::{BodyHashSpec, BodyHashes, DigestAlgorithm},
    canon::{BodyCanonicalizer, canonical_field},
    crypto::{PrivateKey, private_key_from_pkcs1_der, private_key_from_pkcs8_der},
    header::{HeaderSection, LeadingSpace},
    name::{Domain, Selector},
    select::HeaderSelection,
    sign::{BodyLength, Signer, SigningPolicy, SigningRequest},
};

const RSA_2048: &[u8] = include_bytes!("../src/dkim/crypto/testdata/rsa2048.pkcs1.der");
const ED25519: &[u8] = include_bytes!("../src/dkim/crypto/testdata/ed25519.pkcs8.der");

/// As Postfix cuts bodies.
const CHUNK: usize = 65_535;
const MEGABYTE: usize = 1 << 20;

fn base64_body(length: usize) -> Vec<u8> {
    let line = [&b"QUJD".repeat(19)[..], b"\r\n"].concat();
    line.iter().copied().cycle().take(length).collect()
}

fn prose_body(length: usize) -> Vec<u8> {
    let line = b"The quick brown fox jumps over the lazy dog, and then it goes to sleep.\r\n";
    line.iter().copied().cycle().take(length).collect()
}

fn tabbed_body(length: usize) -> Vec<u8> {
    b"a\tb  c \r\n"
        .iter()
        .copied()
        .cycle()
        .take(length)
        .collect()
}

fn section() -> HeaderSection {
    let mut section = HeaderSection::default();
    for (name, value) in [
        (
            "Received",
            "from mail.example.net (mail.example.net [192.0.2.1])\n\tby mx.example.com (Postfix) with ESMTPS id 4XYZ\n\tfor <bob@example.com>; Mon, 23 Nov 2026 10:00:00 +0000",
        ),
        ("Date", "Mon, 23 Nov 2026 10:00:00 +0000"),
        ("From", "Joe Example <joe@example.com>"),
        ("To", "Bob <bob@example.net>, Carol <carol@example.net>"),
        ("Cc", "Dave <dave@example.net>"),
        (
            "Subject",
            "The minutes of the meeting,\n and what came out of it",
        ),
        ("Message-ID", "<20261123100000.1234@example.com>"),
        ("In-Reply-To", "<20261122090000.9876@example.net>"),
        (
            "References",
            "<20261121080000.1@example.net>\n <20261122090000.9876@example.net>",
        ),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit"),
        ("User-Agent", "Mutt/2.2.9"),
        ("List-Id", "A list <list.example.com>"),
    ] {
        section.push(name.as_bytes(), value.as_bytes(), LeadingSpace::Eaten);
    }
    section
}

fn selection() -> HeaderSelection {
    HeaderSelection::default()
        .oversigning(vec!["From".to_owned()])
        .expect("a name")
}

fn bodies(c: &mut Criterion) {
    let mut group = c.benchmark_group("body of 1 MiB");
    group.throughput(Throughput::Bytes(MEGABYTE as u64));
    let bodies = [
        ("base64", base64_body(MEGABYTE)),
        ("prose", prose_body(MEGABYTE)),
        ("tabs", tabbed_body(MEGABYTE)),
    ];
    for (kind, body) in &bodies {
        group.bench_function(format!("{kind}, SHA-256 alone"), |b| {
            b.iter(|| {
                let mut context = digest::Context::new(&digest::SHA256);
                body.chunks(CHUNK).for_each(|chunk| context.update(chunk));
                context.finish()
            });
        });
        for canon in [Canon::Simple, Canon::Relaxed] {
            group.bench_function(format!("{kind}, {canon:?} canonicalization alone"), |b| {
                b.iter(|| {
                    let mut length = 0;
                    let mut canonicalizer = BodyCanonicalizer::new(canon);
                    for chunk in body.chunks(CHUNK) {
                        canonicalizer.update(chunk, &mut |o| length += black_box(o).len());
                    }
                    canonicalizer.finish(&mut |o| length += black_box(o).len());
                    length
                });
            });
            group.bench_function(format!("{kind}, {canon:?} body hash"), |b| {
                b.iter(|| {
                    let mut hashes = BodyHashes::new(false);
                    hashes.ask(BodyHashSpec {
                        digest: DigestAlgorithm::Sha256,
                        canon,
                        limit: None,
                    });
                    body.chunks(CHUNK).for_each(|chunk| hashes.update(chunk));
                    hashes.finish()
                });
            });
        }
    }
    group.finish();
}

fn header(c: &mut Criterion) {
    let (section, selection) = (section(), selection());
    c.bench_function("choose among 14 fields", |b| {
        b.iter(|| selection.choose(black_box(&section)));
    });
    c.bench_function("relaxed form of 14 fields", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            for field in section.iter() {
                canonical_field(Canon::Relaxed, field, &mut out);
            }
            out.len()
        });
    });
}

fn signatures(c: &mut Criterion) {
    let rsa = private_key_from_pkcs1_der(RSA_2048).expect("a good key");
    let ed25519 = private_key_from_pkcs8_der(ED25519).expect("a good key");
    let policy = Arc::new(SigningPolicy {
        canonicalization: Canonicalization {
            header: Canon::Relaxed,
            body: Canon::Relaxed,
        },
        headers: selection(),
        lifetime: None,
        copied_headers: false,
        request_reports: false,
        fix_crlf: false,
    });
    let (section, body) = (section(), prose_body(4096));
    let sign = |key: &Arc<dyn PrivateKey>| {
        let request = SigningRequest {
            domain: Domain::parse("example.com").expect("a good name"),
            selector: Selector::parse("mail").expect("a good name"),
            auid: None,
            algorithm: key.algorithm(),
            body_length: BodyLength::Whole,
            extra_tags: Vec::new(),
        };
        let mut signer = Signer::new(Arc::clone(&policy), vec![request]);
        signer.body(&body);
        let mut unsigned = signer.finish(&section, UnixTime(1_795_414_603));
        unsigned.remove(0).sign(&**key)
    };
    let mut group = c.benchmark_group("4 KiB message");
    for (name, key) in [("RSA-2048", &rsa), ("Ed25519", &ed25519)] {
        group.bench_function(format!("{name}, the bare operation"), |b| {
            b.iter(|| key.sign(black_box(&[7; 32])));
        });
        group.bench_function(format!("{name}, the whole signature"), |b| {
            b.iter(|| sign(key))
        });
    }
    group.finish();
}

criterion_group!(benches, bodies, header, signatures);
criterion_main!(benches);
