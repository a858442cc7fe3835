//! Signs a message: `sign KEY DOMAIN SELECTOR MESSAGE` prints it with its signature on top.
//!
//! KEY is a private key as OpenSSL writes it, unencrypted PEM or DER:
//! `openssl genpkey -algorithm ed25519 -out KEY`.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE64;
use dkim_core::{
    UnixTime,
    crypto::{PrivateKey, private_key_from_pkcs1_der, private_key_from_pkcs8_der},
    header::HeaderSection,
    name::{Domain, Selector},
    sign::{Signer, SigningPolicy, SigningRequest},
    signature::FIELD_NAME,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [key, domain, selector, message] = arguments.as_slice() else {
        return Err("usage: sign KEY DOMAIN SELECTOR MESSAGE".into());
    };
    let key = read_key(&fs::read(key)?)?;
    let message = fs::read(message)?;
    let (section, body) = HeaderSection::parse(&message)?;

    // One policy serves all messages, one request makes one signature.
    let policy = Arc::new(SigningPolicy {
        // The file may end its lines with LF, but mail ends them with CRLF.
        fix_crlf: true,
        ..SigningPolicy::default()
    });
    let (domain, selector) = (Domain::parse(domain)?, Selector::parse(selector)?);
    let request = SigningRequest::new(domain, selector, key.algorithm());
    let mut signer = Signer::new(policy, vec![request]);
    // In one piece here; a mail server hands it over as it comes in.
    signer.body(body);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();

    let mut out = io::stdout().lock();
    for unsigned in signer.finish(&section, UnixTime(now)) {
        let field = unsigned.sign(&*key)?;
        write!(out, "{FIELD_NAME}: {}\r\n", field.value)?;
    }
    out.write_all(&message)?;
    Ok(())
}

/// A key in PEM, or the DER inside it.
fn read_key(file: &[u8]) -> Result<Arc<dyn PrivateKey>, Box<dyn Error>> {
    let Some(text) = str::from_utf8(file)
        .ok()
        .filter(|text| text.contains("-----BEGIN "))
    else {
        return Ok(private_key_from_pkcs8_der(file)?);
    };
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect();
    let der = BASE64.decode(base64.as_bytes())?;
    if text.contains("-----BEGIN RSA PRIVATE KEY-----") {
        Ok(private_key_from_pkcs1_der(&der)?)
    } else {
        Ok(private_key_from_pkcs8_der(&der)?)
    }
}
