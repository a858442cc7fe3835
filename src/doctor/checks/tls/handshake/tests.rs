//! Servers that begin TLS, or don't, in every way that Postfix and strangers have.

use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

#[path = "../../../../../tests/support/absent.rs"]
mod absent;

/// Settings of mail on its way out; none of them is about the servers that are looked at.
const MAIN_CF: &str = "\
compatibility_level = 3.6
myhostname = mail.example.com
inet_protocols = ipv4
inet_interfaces = 127.0.0.1, ::1
tls_append_default_CA = yes
smtp_tls_CApath = /etc/ssl/certs
smtp_tls_security_level = none
smtp_tls_protocols = SSLv3
smtp_tls_mandatory_protocols = SSLv3
smtp_tls_fingerprint_digest = md5
smtp_bind_address = 192.0.2.1
";
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const GREETING: &[u8] = b"220 mail.example.com ESMTP\r\n";
const WITH_TLS: &[u8] = b"250-mail.example.com\r\n250 STARTTLS\r\n";
const WITHOUT: &[u8] = b"250-mail.example.com\r\n250 8BITMIME\r\n";

const READY: &[u8] = b"220 go\r\n";
const BYE: &[u8] = b"221 bye\r\n";
const UNTIL_TLS: &[&[u8]] = &[GREETING, WITH_TLS, READY];

/// What the server does once it has said `lines`, one after each line of the client's.
#[derive(Clone)]
enum Then {
    /// Begins TLS, and says this to all that comes, the greeting of one that wraps included.
    Tls(TlsAcceptor, &'static [u8]),
    Garbage,
    Hang,
}

/// A server certificate with its issuer's behind it.
fn acceptor(versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
    let directory = tempfile::tempdir().unwrap();
    for name in ["leaf", "issuer"] {
        let done = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-subj", "/CN=x"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-keyout", &format!("{name}.key"), "-out", name])
            .current_dir(directory.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }
    let certificate = |name| CertificateDer::from_pem_file(directory.path().join(name)).unwrap();
    let chain = ["leaf", "issuer"].map(certificate).to_vec();
    let key = PrivateKeyDer::from_pem_file(directory.path().join("leaf.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config).into()
}

/// A server that does the same with everybody.
async fn server(at: IpAddr, lines: &'static [&'static [u8]], then: Then) -> SocketAddr {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, lines, then.clone()));
        }
    });
    address
}

async fn serve(mut client: TcpStream, lines: &[&[u8]], then: Then) {
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            let _ = client.read(&mut [0; 512]).await;
        }
        let _ = client.write_all(line).await;
    }
    match then {
        Then::Tls(acceptor, answer) => {
            let Ok(mut stream) = acceptor.accept(client).await else {
                return;
            };
            let mut waits = !lines.is_empty();
            while !waits || stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {
                waits = true;
                let _ = stream.write_all(answer).await;
                let _ = stream.flush().await;
            }
        }
        Then::Garbage => {
            let _ = client.read(&mut [0; 512]).await;
            let _ = client.write_all(b"500 what is that?\r\n").await;
        }
        Then::Hang => while client.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {},
    }
}

/// Postfix's own; `None` where it is left out on purpose.
fn finger(directory: &Path) -> Option<Finger> {
    let mut main = fs::File::create(directory.join("main.cf")).unwrap();
    main.write_all(MAIN_CF.as_bytes()).unwrap();
    // Postfix waits two seconds for the end of an edit that has just begun.
    main.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let postfix = dkimd_postfix::Postfix {
        directory: directory.to_owned(),
        ..dkimd_postfix::Postfix::from_texts("", "", "")
    };
    let finger = Finger::of(&postfix);
    if !finger.program.is_absolute() {
        absent::absent("posttls-finger is not installed");
        return None;
    }
    Some(finger)
}

fn call(to: SocketAddr, wraps: bool) -> Call<'static> {
    Call {
        to,
        wraps,
        name: "mail.example.com",
        patience: Duration::from_secs(2),
    }
}

async fn offered(
    at: IpAddr,
    wraps: bool,
    lines: &'static [&'static [u8]],
    then: Then,
) -> Option<Result<Offer, SmtpError>> {
    let directory = TempDir::new().unwrap();
    let finger = finger(directory.path())?;
    let to = server(at, lines, then).await;
    Some(offer(&finger, call(to, wraps), "localhost").await)
}

/// Where STARTTLS works up to there, over IPv4.
async fn after_starttls(then: Then) -> Option<Result<Offer, SmtpError>> {
    offered(LOCALHOST, false, UNTIL_TLS, then).await
}

/// How many certificates are shown.
fn shown(found: &Option<Result<Offer, SmtpError>>) -> Option<usize> {
    match found {
        Some(Ok(Offer::Done(chain))) => Some(chain.len()),
        // Left out on purpose.
        None => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn any_certificate_is_taken_and_shown_as_it_was_sent() {
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let then = Then::Tls(acceptor(versions), b"250 mail.example.com\r\n");
        let found = after_starttls(then.clone()).await;
        assert!(matches!(shown(&found), Some(2) | None));
        let found = offered(Ipv6Addr::LOCALHOST.into(), false, UNTIL_TLS, then.clone()).await;
        assert!(matches!(shown(&found), Some(2) | None));
        let found = offered(LOCALHOST, true, &[], then).await;
        assert!(matches!(shown(&found), Some(2) | None));
    }
}

#[tokio::test]
async fn a_server_that_refuses_to_talk_over_tls_has_begun_it() {
    let then = Then::Tls(acceptor(&[&TLS13]), b"554 5.7.1 go away\r\n");
    let found = after_starttls(then.clone()).await;
    assert!(matches!(shown(&found), Some(2) | None));
    let found = offered(LOCALHOST, true, &[], then).await;
    assert!(matches!(shown(&found), Some(0) | None));
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_refuses_it() {
    let absent = Finger {
        program: "/nonexistent/posttls-finger".into(),
        directory: "/nonexistent".into(),
    };
    let offered = async |lines| {
        let to = server(LOCALHOST, lines, Then::Hang).await;
        offer(&absent, call(to, false), "localhost").await
    };
    let found = offered(&[GREETING, WITHOUT, BYE]).await;
    assert!(matches!(found, Ok(Offer::Missing(_))), "{found:?}");
    let found = offered(&[
        GREETING,
        WITH_TLS,
        b"454 4.7.0 TLS not available due to local problem\r\n",
        BYE,
    ])
    .await;
    assert!(matches!(found, Ok(Offer::Refused(_))), "{found:?}");
    // A filter that is away puts every command off; that is no fault of TLS.
    let found = offered(&[GREETING, WITH_TLS, b"454 4.3.0 Try again later\r\n", BYE]).await;
    assert!(matches!(found, Err(SmtpError::Refused(_))), "{found:?}");
    let found = offered(&[b"554 no\r\n"]).await;
    assert!(matches!(found, Err(SmtpError::Refused(_))), "{found:?}");
    // What could be said without the program is said.
    let found = offered(UNTIL_TLS).await;
    assert!(
        matches!(&found, Ok(Offer::Untried(why)) if why.contains("posttls-finger")),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_is_no_handshake_fails() {
    let Some(found) = after_starttls(Then::Garbage).await else {
        return;
    };
    assert!(
        matches!(&found, Ok(Offer::Failed(words)) if words.contains("SSL_connect error")),
        "{found:?}"
    );
    let begun = Instant::now();
    let found = after_starttls(Then::Hang).await;
    assert!(matches!(found, Some(Ok(Offer::Failed(_)))), "{found:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}
