//! Replies and changes as they go over the wire.

use std::ffi::CString;

use indymilter::message::{Message, reply::Reply as WireReply};

use super::{Agreed, Change, Reply, frame};

/// The longest text of a reply, as libmilter has it.
const MAX_REPLY_TEXT: usize = 980;

/// Appends the frame of a reply.
pub(super) fn put(out: &mut Vec<u8>, reply: WireReply) {
    let Message { kind, buffer } = reply.into_message();
    frame::put(out, kind, &buffer);
}

/// A C string; NUL, which it can't hold, is left out.
pub(super) fn c_string(octets: impl Into<Vec<u8>>) -> CString {
    CString::new(octets).unwrap_or_else(|error| {
        let mut octets = error.into_vec();
        octets.retain(|octet| *octet != 0);
        CString::new(octets).unwrap_or_default()
    })
}

/// The final reply of a step.
pub(super) fn wire_reply(reply: Reply) -> WireReply {
    match reply {
        Reply::Continue => WireReply::Continue,
        Reply::Accept => WireReply::Accept,
        Reply::Reject => WireReply::Reject,
        Reply::Tempfail => WireReply::Tempfail,
        Reply::Discard => WireReply::Discard,
        Reply::Text {
            code,
            enhanced,
            text,
        } => WireReply::ReplyCode {
            reply: c_string(format!("{code} {enhanced} {}", reply_text(&text))),
        },
    }
}

/// One line; `%` is doubled, as MTAs undo it.
fn reply_text(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for symbol in text.chars().take(MAX_REPLY_TEXT / 2) {
        match symbol {
            '\r' | '\n' => line.push(' '),
            '%' => line.push_str("%%"),
            _ => line.push(symbol),
        }
    }
    line
}

/// A change as the MTA takes it, one field at a time; none where the MTA has not granted it.
pub(super) fn wire_changes(change: Change, agreed: Agreed) -> impl Iterator<Item = WireReply> {
    let (run, single) = match change {
        Change::DeleteHeaders { name, first, last } if agreed.delete_headers => {
            let name = c_string(name);
            let deletions = (first..=last)
                .rev()
                .map(move |occurrence| WireReply::ChangeHeader {
                    name: name.clone(),
                    index: i32::try_from(occurrence).unwrap_or(i32::MAX),
                    value: CString::default(),
                });
            (Some(deletions), None)
        }
        change => (None, wire_change(change, agreed)),
    };
    run.into_iter().flatten().chain(single)
}

fn wire_change(change: Change, agreed: Agreed) -> Option<WireReply> {
    Some(match change {
        Change::InsertHeader { index, name, value } => WireReply::InsertHeader {
            index: i32::try_from(index).unwrap_or(i32::MAX),
            name: c_string(name),
            value: c_string(value),
        },
        Change::AppendHeader { name, value } => WireReply::AddHeader {
            name: c_string(name),
            value: c_string(value),
        },
        Change::AddRecipient(address) if agreed.change_recipients => WireReply::AddRcpt {
            rcpt: c_string(address),
        },
        Change::DeleteRecipient(address) if agreed.change_recipients => WireReply::DeleteRcpt {
            rcpt: c_string(address),
        },
        Change::Quarantine(reason) if agreed.quarantine => WireReply::Quarantine {
            reason: c_string(reason),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING_GRANTED: Agreed = Agreed {
        leading_space: false,
        delete_headers: false,
        quarantine: false,
        change_recipients: false,
    };

    fn octets(reply: WireReply) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, reply);
        out
    }

    #[test]
    fn a_reply_of_our_own_is_one_line_with_percent_signs_doubled() {
        let reply = Reply::Text {
            code: 451,
            enhanced: "4.7.5".into(),
            text: "100% sure\r\nnot".into(),
        };
        assert_eq!(
            octets(wire_reply(reply)),
            b"\0\0\0\x1by451 4.7.5 100%% sure  not\0"
        );
    }

    #[test]
    fn a_field_is_inserted_with_its_index_name_and_value() {
        let change = Change::InsertHeader {
            index: 0,
            name: "X".into(),
            value: b" a\0\n\tb".to_vec(),
        };
        let reply = wire_changes(change, NOTHING_GRANTED).next().unwrap();
        assert_eq!(octets(reply), b"\0\0\0\x0di\0\0\0\0X\0 a\n\tb\0".to_vec());
    }

    #[test]
    fn a_change_that_was_not_granted_is_not_sent() {
        for change in [
            Change::DeleteHeaders {
                name: "X",
                first: 1,
                last: 2,
            },
            Change::AddRecipient("<a@example.com>".into()),
            Change::Quarantine("opendkim".into()),
        ] {
            assert_eq!(wire_changes(change, NOTHING_GRANTED).count(), 0);
        }
    }

    #[test]
    fn of_several_fields_the_last_is_deleted_first() {
        let change = Change::DeleteHeaders {
            name: "X",
            first: 1,
            last: 2,
        };
        let granted = Agreed {
            delete_headers: true,
            ..NOTHING_GRANTED
        };
        let replies: Vec<_> = wire_changes(change, granted).map(octets).collect();
        assert_eq!(
            replies,
            [b"\0\0\0\x08m\0\0\0\x02X\0\0", b"\0\0\0\x08m\0\0\0\x01X\0\0"]
        );
    }
}
