//! A small name server on loopback that answers as badly as it is told.

#![allow(dead_code, reason = "every test file uses a part of it")]
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// What the server makes of a question; over TCP `tcp` is set. No packet: silence.
pub type Behaviour = fn(&Question, tcp: bool) -> Vec<Vec<u8>>;

/// A question as it came.
pub struct Question {
    pub id: [u8; 2],
    /// The question section: name, type, class.
    pub section: Vec<u8>,
    /// The first label, lower case.
    pub label: String,
    /// EDNS with the flag DNSSEC OK (RFC 3225).
    pub dnssec_ok: bool,
}

/// A running server; ends with the test process.
pub struct FaultyServer {
    pub address: SocketAddr,
    queries: Arc<AtomicUsize>,
}

impl FaultyServer {
    pub fn start(behaviour: Behaviour) -> Self {
        let (udp, tcp) = (0..100)
            .find_map(|_| {
                let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
                let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, tcp))
            })
            .expect("a port that is free for UDP and TCP");
        let address = udp.local_addr().unwrap();
        let queries = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queries);
        thread::spawn(move || {
            let mut packet = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut packet) {
                counter.fetch_add(1, Relaxed);
                for reply in behaviour(&Question::parse(&packet[..length]), false) {
                    let _ = udp.send_to(&reply, from);
                }
            }
        });
        let counter = Arc::clone(&queries);
        thread::spawn(move || {
            for stream in tcp.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut length = [0; 2];
                while stream.read_exact(&mut length).is_ok() {
                    let mut packet = vec![0; u16::from_be_bytes(length).into()];
                    if stream.read_exact(&mut packet).is_err() {
                        break;
                    }
                    counter.fetch_add(1, Relaxed);
                    for reply in behaviour(&Question::parse(&packet), true) {
                        let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
                        let _ = stream.write_all(&[&length[..], &reply].concat());
                    }
                }
            }
        });
        Self { address, queries }
    }

    /// Questions that came so far.
    pub fn queries(&self) -> usize {
        self.queries.load(Relaxed)
    }
}

impl Question {
    fn parse(packet: &[u8]) -> Self {
        let mut end = 12;
        while packet[end] != 0 {
            end += 1 + usize::from(packet[end]);
        }
        let first = usize::from(packet[12]);
        Self {
            id: [packet[0], packet[1]],
            section: packet[12..end + 5].to_vec(),
            label: String::from_utf8_lossy(&packet[13..13 + first]).to_lowercase(),
            // The OPT record is the only one besides the question: root, type 41, size, code,
            // version, flags.
            dnssec_ok: packet.get(end + 12).is_some_and(|flags| flags & 0x80 != 0),
        }
    }

    /// A reply: flags' second octet's low bits are the response code.
    pub fn reply(&self, code: u8, answers: &[Vec<u8>]) -> Vec<u8> {
        self.raw_reply(self.id, 0x81, code, &self.section, answers)
    }

    /// A reply with records in its additional section too.
    pub fn reply_with_additional(&self, answers: &[Vec<u8>], beside: &[Vec<u8>]) -> Vec<u8> {
        let mut packet = self.reply(0, answers);
        packet[10..12].copy_from_slice(&u16::try_from(beside.len()).unwrap().to_be_bytes());
        packet.extend(beside.concat());
        packet
    }

    pub fn truncated(&self) -> Vec<u8> {
        self.raw_reply(self.id, 0x83, 0, &self.section, &[])
    }

    pub fn raw_reply(
        &self,
        id: [u8; 2],
        flags: u8,
        code: u8,
        section: &[u8],
        answers: &[Vec<u8>],
    ) -> Vec<u8> {
        let count = u16::try_from(answers.len()).unwrap().to_be_bytes();
        let mut packet = vec![id[0], id[1], flags, 0x80 | code, 0, 1, count[0], count[1]];
        packet.extend([0; 4]);
        packet.extend(section);
        packet.extend(answers.concat());
        packet
    }
}

/// A name on the wire.
pub fn wire_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.') {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// The question's own name, compressed.
pub const ASKED: [u8; 2] = [0xc0, 12];

/// A record with a TTL of five minutes.
pub fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = owner.to_vec();
    record.extend(kind.to_be_bytes());
    record.extend(1u16.to_be_bytes());
    record.extend(300u32.to_be_bytes());
    record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend(data);
    record
}

/// A TXT record of the question's name, its text cut into strings of at most `piece` octets.
pub fn txt(owner: &[u8], text: &[u8], piece: usize) -> Vec<u8> {
    let mut data = Vec::new();
    for piece in text.chunks(piece) {
        data.push(u8::try_from(piece.len()).unwrap());
        data.extend(piece);
    }
    record(owner, 16, &data)
}

/// A CNAME record.
pub fn cname(owner: &[u8], target: &str) -> Vec<u8> {
    record(owner, 5, &wire_name(target))
}
