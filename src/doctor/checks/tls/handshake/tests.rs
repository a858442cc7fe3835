//! Servers that begin TLS, or don't, in every way that Postfix and strangers have.

use std::process::Command;

use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

const GREETING: &[u8] = b"220 mail.example.com ESMTP\r\n";
const WITH_TLS: &[u8] = b"250-mail.example.com\r\n250 STARTTLS\r\n";
const WITHOUT: &[u8] = b"250-mail.example.com\r\n250 8BITMIME\r\n";

/// What the server does once it has said `lines`, one after each line of the client's.
#[derive(Clone)]
enum Then {
    Tls(TlsAcceptor),
    Garbage,
    Hang,
}

fn acceptor() -> TlsAcceptor {
    let directory = tempfile::tempdir().unwrap();
    let done = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x".split(' '))
        .args(["-keyout", "key", "-out", "certificate"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let chain = vec![CertificateDer::from_pem_file(directory.path().join("certificate")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(directory.path().join("key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config).into()
}

async fn server(lines: &'static [&'static [u8]], then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        serve(client, lines, then).await;
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
        Then::Tls(acceptor) => {
            let stream = acceptor.accept(client).await;
            if let Ok(mut stream) = stream {
                let _ = stream.read(&mut [0; 16]).await;
            }
        }
        Then::Garbage => {
            let _ = client.read(&mut [0; 512]).await;
            let _ = client.write_all(b"500 what is that?\r\n").await;
        }
        Then::Hang => {
            let _ = client.read(&mut [0; 512]).await;
        }
    }
}

async fn offered(lines: &'static [&'static [u8]], then: Then) -> Result<Offer, SmtpError> {
    offer(
        server(lines, then).await,
        false,
        "localhost",
        "mail.example.com",
    )
    .await
}

#[tokio::test]
async fn any_certificate_is_taken_and_shown() {
    let then = Then::Tls(acceptor());
    let lines: &[&[u8]] = &[GREETING, WITH_TLS, b"220 go\r\n"];
    let found = offered(lines, then.clone()).await;
    assert!(
        matches!(&found, Ok(Offer::Done(chain)) if chain.len() == 1),
        "{found:?}"
    );
    let at_once = server(&[], then).await;
    let found = offer(at_once, true, "localhost", "mail.example.com").await;
    assert!(
        matches!(&found, Ok(Offer::Done(chain)) if chain.len() == 1),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_refuses_it() {
    let found = offered(&[GREETING, WITHOUT], Then::Hang).await;
    assert!(matches!(found, Ok(Offer::Missing(_))), "{found:?}");
    let lines: &[&[u8]] = &[
        GREETING,
        WITH_TLS,
        b"454 4.7.0 TLS not available due to local problem\r\n",
    ];
    let found = offered(lines, Then::Hang).await;
    assert!(matches!(found, Ok(Offer::Refused(_))), "{found:?}");
    // A filter that is away puts every command off; that is no fault of TLS.
    let lines: &[&[u8]] = &[GREETING, WITH_TLS, b"454 4.3.0 Try again later\r\n"];
    let found = offered(lines, Then::Hang).await;
    assert!(matches!(found, Err(SmtpError::Refused(_))), "{found:?}");
}

#[tokio::test]
async fn what_is_no_handshake_fails() {
    let lines: &[&[u8]] = &[GREETING, WITH_TLS, b"220 go\r\n"];
    let found = offered(lines, Then::Garbage).await;
    assert!(matches!(found, Ok(Offer::Failed(_))), "{found:?}");
    let found = offered(&[b"554 no\r\n"], Then::Hang).await;
    assert!(matches!(found, Err(SmtpError::Refused(_))), "{found:?}");
}
