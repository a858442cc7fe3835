use std::process::{Command, Stdio};

use data_encoding::BASE64;

use super::*;
use dkimd_keygen::generate::{KeyKind, generate};

/// Runs openssl with `input`, and returns its output.
fn openssl(arguments: &str, input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments}");
    output.stdout
}

fn rsa_pem() -> String {
    generate(KeyKind::Rsa(2048)).unwrap().pem.to_string()
}

fn problem(octets: &[u8]) -> String {
    private_key(octets).unwrap_err().to_string()
}

#[test]
fn one_key_is_read_alike_from_every_form() {
    for kind in [KeyKind::Rsa(2048), KeyKind::Ed25519] {
        let new = generate(kind).unwrap();
        let pem = new.pem.to_string();
        let der = openssl("pkey -outform DER", pem.as_bytes());
        let base64 = BASE64.encode(&der);
        let broken_lines = base64
            .as_bytes()
            .chunks(60)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
            .join("\r\n ");
        let mut forms: Vec<Vec<u8>> = vec![
            pem.clone().into(),
            format!("\n{pem}").into(),
            format!(
                "\u{feff}# made for example.com\r\n\r\n{}",
                pem.replace('\n', "\r\n")
            )
            .into(),
            format!("{pem}\nsome words after it\n").into(),
            pem.trim_end().into(),
            base64.clone().into(),
            format!("{broken_lines}\n").into(),
            base64.trim_end_matches('=').into(),
            der.clone(),
            [&der[..], b"\n"].concat(),
        ];
        if kind == KeyKind::Ed25519 {
            // The seed alone, as dknewkey writes it.
            forms.push(BASE64.encode(&der[16..]).into());
        } else {
            forms.push(openssl("pkey -traditional", pem.as_bytes()));
            let pkcs1 = openssl("pkey -traditional -outform DER", pem.as_bytes());
            forms.push(BASE64.encode(&pkcs1).into());
            forms.push(pkcs1);
        }
        for form in forms {
            let key = private_key(&form)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&form)));
            assert_eq!(key.public_key(), new.public);
        }
    }
}

#[test]
fn a_key_after_its_certificate_is_found() {
    let pem = rsa_pem();
    let with = format!("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n{pem}");
    assert_eq!(private_key(with.as_bytes()).unwrap().bits(), 2048);
}

#[test]
fn encrypted_keys_are_named_so_in_each_form() {
    let pem = rsa_pem();
    for arguments in [
        "pkey -aes128 -passout pass:x",
        "rsa -aes128 -traditional -passout pass:x",
        "pkcs8 -topk8 -passout pass:x -outform DER",
    ] {
        let encrypted = openssl(arguments, pem.as_bytes());
        assert_eq!(
            private_key(&encrypted).unwrap_err(),
            Unusable::Encrypted,
            "{arguments}"
        );
    }
}

#[test]
fn what_is_no_private_key_for_dkim_is_named_for_what_it_is() {
    let pem = rsa_pem();
    let ec = openssl("ecparam -name prime256v1 -genkey", b"");
    let openssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n\
                   -----END OPENSSH PRIVATE KEY-----\n";
    let request = "req -new -x509 -key /dev/stdin -subj /CN=x";
    for (form, expected) in [
        (openssl("pkey -pubout", pem.as_bytes()), "is a public key, "),
        (
            openssl("pkey -pubout -outform DER", pem.as_bytes()),
            "is a public key, ",
        ),
        (
            openssl("rsa -RSAPublicKey_out", pem.as_bytes()),
            "is a public key, ",
        ),
        (openssl(request, pem.as_bytes()), "is a certificate, "),
        (
            openssl(&format!("{request} -outform DER"), pem.as_bytes()),
            "is a certificate, ",
        ),
        (ec.clone(), "is an elliptic curve (EC) key, "),
        (
            openssl("ec -outform DER", &ec),
            "is an elliptic curve (EC) key, ",
        ),
        (
            openssl("pkcs8 -topk8 -nocrypt", &ec),
            "is a key of type EC, ",
        ),
        (
            openssl("genpkey -algorithm ed448", b""),
            "is a key of type Ed448, ",
        ),
        (openssh.into(), "is an OpenSSH key, "),
    ] {
        assert!(
            problem(&form).starts_with(expected),
            "{expected}: {}",
            problem(&form)
        );
    }
}

#[test]
fn damage_is_described() {
    let pem = rsa_pem();
    for (form, expected) in [
        (String::new(), Unusable::Empty),
        (" \r\n".to_owned(), Unusable::Empty),
        (pem[..pem.len() / 2].to_owned(), Unusable::CutShort),
        (pem.replace("MII", "M?I"), Unusable::BadArmour),
        ("keys/mail.private".to_owned(), Unusable::Unknown),
        ("no key at all".to_owned(), Unusable::Unknown),
    ] {
        assert_eq!(
            private_key(form.as_bytes()).unwrap_err(),
            expected,
            "{form}"
        );
    }
}

#[test]
fn no_cut_of_a_key_panics() {
    let der = openssl("pkey -outform DER", rsa_pem().as_bytes());
    for end in 0..der.len() {
        assert!(private_key(&der[..end]).is_err(), "{end}");
    }
}
