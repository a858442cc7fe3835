//! The messages that are signed in the test, and what they look like with the new fields.

use std::net::Ipv4Addr;

use dkim_core::UnixTime;
use dkimd_message::{MessageError, MessageFile};
use dkimd_milter::client::{AddedField, Submission};
use dkimd_server::headers::report::date;

/// The queue ID in the log lines about the test.
const QUEUE_ID: &str = "DOCTOR";
/// Never reached: the conversation ends before anything is sent.
const RECIPIENT: &str = "nobody@example.com";
const BODY: &[u8] = b"This message is made by dkimd doctor to see whether it is signed.\r\n\
                      It is not sent.\r\n";

/// The two fields of RFC 8058.
pub(super) const ONE_CLICK: [(&str, &str); 2] = [
    ("List-Unsubscribe", " <https://example.com/unsubscribe>"),
    ("List-Unsubscribe-Post", " List-Unsubscribe=One-Click"),
];

/// A message of `author`, with the fields of a newsletter or without, as it comes from this host.
pub(super) fn letter(
    author: &str,
    newsletter: bool,
    now: UnixTime,
    macros: Vec<(String, String)>,
) -> Submission {
    let domain = author
        .rsplit_once('@')
        .map_or("localhost", |(_, domain)| domain);
    let mut header = vec![
        ("From".to_owned(), format!(" {author}")),
        ("To".to_owned(), format!(" {RECIPIENT}")),
        ("Subject".to_owned(), " dkimd doctor".to_owned()),
        ("Date".to_owned(), format!(" {}", date(now))),
        (
            "Message-ID".to_owned(),
            format!(" <doctor.{}@{domain}>", now.0),
        ),
        ("MIME-Version".to_owned(), " 1.0".to_owned()),
        (
            "Content-Type".to_owned(),
            " text/plain; charset=us-ascii".to_owned(),
        ),
    ];
    if newsletter {
        let fields = ONE_CLICK.iter();
        header.extend(fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }
    Submission {
        queue_id: QUEUE_ID,
        client_name: "localhost".to_owned(),
        client_address: Ipv4Addr::LOCALHOST,
        macros,
        sender: author.to_owned(),
        recipient: RECIPIENT.to_owned(),
        header,
        body: BODY.to_vec(),
    }
}

/// The message with what the milter added, ready to be verified.
///
/// # Errors
/// If the milter added what is no header field.
pub(super) fn signed(
    letter: &Submission,
    added: &[AddedField],
) -> Result<MessageFile, MessageError> {
    let mut octets = String::new();
    let new = added.iter().rev().map(|field| (&field.name, &field.value));
    let fields = letter.header.iter().map(|(name, value)| (name, value));
    for (name, value) in new.chain(fields) {
        octets += &format!(
            "{name}:{}\r\n",
            value.replace("\r\n", "\n").replace('\n', "\r\n")
        );
    }
    octets += "\r\n";
    MessageFile::read(&[octets.as_bytes(), &letter.body].concat()[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_fields_stand_on_top_with_crlf() {
        let letter = letter("joe@example.com", true, UnixTime(0), Vec::new());
        let added = |value: &str| AddedField {
            name: "DKIM-Signature".into(),
            value: value.into(),
        };
        let message = signed(&letter, &[added(" first;\n\tx"), added(" second")]).unwrap();
        assert_eq!(message.section.get(0).unwrap().value, b" second");
        assert_eq!(message.section.get(1).unwrap().value, b" first;\r\n\tx");
        assert_eq!(message.section.len(), 2 + letter.header.len());
        assert!(
            letter
                .header
                .iter()
                .any(|(name, _)| name == "List-Unsubscribe-Post")
        );
    }
}
