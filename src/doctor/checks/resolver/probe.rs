//! One question to one name server, in bare packets: only these show whether the server is alive,
//! validates, passes signatures on, and answers over TCP.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// The time that a server has for one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Tries by UDP, which may lose a packet.
const TRIES: usize = 2;
/// Octets of an answer by UDP (DNS flag day 2020).
const PAYLOAD: u16 = 1232;

/// What one server showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::checks) struct Shown {
    /// Whether it answered at all.
    pub answers: bool,
    /// Whether it would not answer us (REFUSED), or could not find out (SERVFAIL).
    pub useless: bool,
    /// Whether it says that it validated the root's answer.
    pub validates: bool,
    /// Whether it hands DNSSEC signatures on.
    pub passes_signatures: bool,
    /// Whether it answers over TCP, which large records need.
    pub tcp: bool,
}

/// Asks a server about the root zone and about `domain`.
pub(in crate::checks) async fn probe(server: SocketAddr, domain: Option<&str>) -> Shown {
    let root = ask_udp(server, &Name::root(), RecordType::SOA).await;
    let usable = |answer: &Message| {
        matches!(
            answer.metadata.response_code,
            ResponseCode::NoError | ResponseCode::NXDomain
        )
    };
    let mut shown = Shown::default();
    if let Ok(answer) = &root {
        shown.answers = true;
        shown.useless = !usable(answer);
        shown.validates = answer.metadata.authentic_data;
        shown.passes_signatures = answer
            .answers
            .iter()
            .any(|record| record.record_type() == RecordType::RRSIG);
    }
    let name = domain.and_then(|domain| Name::from_ascii(format!("{domain}.")).ok());
    let name = name.unwrap_or_else(Name::root);
    // A forwarder may know nothing of the root.
    if (!shown.answers || shown.useless)
        && let Ok(answer) = ask_udp(server, &name, RecordType::SOA).await
    {
        shown.answers = true;
        shown.useless = !usable(&answer);
    }
    if shown.answers {
        let answer = timeout(PATIENCE, ask_tcp(server, &name, RecordType::SOA)).await;
        shown.tcp = matches!(answer, Ok(Ok(_)));
    }
    shown
}

fn question(name: &Name, kind: RecordType) -> Message {
    let mut query = Query::query(name.clone(), kind);
    query.set_query_class(DNSClass::IN);
    let mut message = Message::new(std::process::id() as u16, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    message.add_query(query);
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    edns.set_dnssec_ok(true);
    message.set_edns(edns);
    message
}

async fn ask_udp(server: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Message> {
    exchange(&connected(server).await?, &question(name, kind)).await
}

async fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    // Connected, so that strangers' packets do not arrive and a closed port is told at once.
    socket.connect(server).await?;
    Ok(socket)
}

async fn exchange(socket: &UdpSocket, question: &Message) -> io::Result<Message> {
    let packet = question.to_vec().map_err(io::Error::other)?;
    let mut octets = vec![0; usize::from(u16::MAX)];
    for _ in 0..TRIES {
        socket.send(&packet).await?;
        if let Ok(length) = timeout(PATIENCE, socket.recv(&mut octets)).await {
            let octets = octets.get(..length?).unwrap_or_default();
            return Message::from_vec(octets).map_err(io::Error::other);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn ask_tcp(server: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let packet = question(name, kind).to_vec().map_err(io::Error::other)?;
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&packet).await?;
    let length = stream.read_u16().await?;
    let mut octets = vec![0; length.into()];
    stream.read_exact(&mut octets).await?;
    Message::from_vec(&octets).map_err(io::Error::other)
}

/// Whether DNSSEC protects the TLSA records at `name`, as the server tells by its own validation or
/// by the signatures it hands on; `None` where it gave no answer.
pub(in crate::checks) async fn is_signed(server: SocketAddr, name: &str) -> Option<bool> {
    let name = Name::from_ascii(format!("{name}.")).ok()?;
    let answer = ask_udp(server, &name, RecordType::TLSA).await.ok()?;
    let mut kinds = answer.answers.iter().map(|record| record.record_type());
    Some(answer.metadata.authentic_data || kinds.any(|kind| kind == RecordType::RRSIG))
}

/// Whether a resolver knows `name` when it is asked not to validate (CD, RFC 4035 section 3.2.2).
pub(in crate::checks) async fn answers_unchecked(server: SocketAddr, name: &str) -> bool {
    let asking = async {
        let name = Name::from_ascii(format!("{name}.")).map_err(io::Error::other)?;
        let mut question = question(&name, RecordType::SOA);
        question.metadata.checking_disabled = true;
        exchange(&connected(server).await?, &question).await
    };
    let answer: io::Result<Message> = asking.await;
    answer.is_ok_and(|answer| answer.metadata.response_code == ResponseCode::NoError)
}
