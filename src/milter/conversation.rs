//! What the loop asks of whoever judges the mail, and what it is answered.

use std::{future::Future, net::IpAddr};

/// The client of the MTA, as the MTA tells it at connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Host name as passed: a name, `[192.0.2.7]`, `unknown`, `localhost`.
    pub name: String,
    /// Address; `None` for Unix-socket clients; family "unknown" counts as 127.0.0.1.
    pub address: Option<IpAddr>,
}

/// A change of the message, asked of the MTA at its end, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Insert a field at `index` of the whole header section (0: on top).
    InsertHeader {
        /// Position.
        index: u32,
        /// Name.
        name: String,
        /// Value with LF line ends, leading space included if it was negotiated.
        value: Vec<u8>,
    },
    /// Add a field below all others.
    AppendHeader {
        /// Name.
        name: String,
        /// Value with LF line ends, leading space included if it was negotiated.
        value: Vec<u8>,
    },
    /// Delete the fields of that name from the `first` to the `last`, counted from 1 among those of the
    /// name; the last goes first, since every deletion renumbers what stands below it.
    DeleteHeaders {
        /// Name.
        name: &'static str,
        /// Where the run begins.
        first: u32,
        /// Where it ends, itself included.
        last: u32,
    },
    /// Add a recipient.
    AddRecipient(String),
    /// Delete a recipient.
    DeleteRecipient(String),
    /// Hold the message, with a reason.
    Quarantine(String),
}

/// The end of a step that has a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Go on.
    Continue,
    /// Let this message (at connect: this connection) through without more questions.
    Accept,
    /// Refuse for good, with the MTA's own text.
    Reject,
    /// Refuse for now, with the MTA's own text.
    Tempfail,
    /// Swallow.
    Discard,
    /// A reply of our own: code, enhanced code, text.
    Text {
        /// `451`, `550`, …
        code: u16,
        /// `4.7.5`, …
        enhanced: String,
        /// One line.
        text: String,
    },
}

/// What the end of the message leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndOfMessage {
    /// Changes, in order; ignored by the MTA unless the reply lets the message through.
    pub changes: Vec<Change>,
    /// The final reply.
    pub reply: Reply,
}

/// What the configuration wants of the MTA; masked with what the MTA offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// CHGHDRS: fields will be deleted.
    pub delete_headers: bool,
    /// ADDRCPT and DELRCPT.
    pub change_recipients: bool,
    /// QUARANTINE.
    pub quarantine: bool,
    /// Recipients are needed at all (else RCPT is not asked for, NORCPT).
    pub recipients: bool,
    /// Some message may need no body that can be told at the end of the header, so a reply there
    /// is worth its round trip (one-sided Mode).
    pub answer_end_of_header: bool,
    /// Body chunks may stop being needed midway (MaximumSignedBytes), so replies there are worth it.
    pub answer_body: bool,
    /// Macros wanted at the end of the header besides the MTA's own choice (SETSYMLIST), names as
    /// the MTA spells them (`i`, `{auth_type}`).
    pub macros: Vec<String>,
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// HDR_LEADSPC: header values come, and go, with their leading white space.
    pub leading_space: bool,
    /// CHGHDRS granted.
    pub delete_headers: bool,
    /// QUARANTINE granted.
    pub quarantine: bool,
    /// ADDRCPT and DELRCPT granted.
    pub change_recipients: bool,
}

/// Which part of the conversation a macro belongs to, and so how long it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sent for the connect or HELO command.
    Connection,
    /// Sent for any later command.
    Message,
}

/// One connection's side of the conversation. Steps come in the protocol's order; the loop turns
/// protocol errors into the end of the connection.
pub trait Conversation: Send {
    /// Before anything else: what the current configuration wants.
    fn wishes(&self) -> Wishes;

    /// What was agreed on.
    fn agreed(&mut self, agreed: Agreed);

    /// A macro, before the command it belongs to; names as sent (`i`, `{auth_type}`).
    fn define_macro(&mut self, stage: Stage, name: &[u8], value: &[u8]);

    /// The client; `Accept` ends all interest in the connection.
    fn connect(&mut self, client: Client) -> Reply;

    /// A new message; `sender` as sent, with or without angle brackets.
    fn mail(&mut self, sender: &[u8]);

    /// A recipient, as sent.
    fn recipient(&mut self, recipient: &[u8]);

    /// A header field: name, and value as sent (see [`Agreed::leading_space`]).
    fn header(&mut self, name: &[u8], value: &[u8]);

    /// The end of the header section; anything but `Continue` ends the message. Replies are sent
    /// only where one is due; where none is, the loop remembers this one for the end of message.
    fn end_of_header(&mut self) -> impl Future<Output = Reply> + Send;

    /// Body octets, in pieces of any size; `false` when no more are needed.
    fn body(&mut self, octets: &[u8]) -> bool;

    /// The end of the message.
    fn end_of_message(&mut self) -> impl Future<Output = EndOfMessage> + Send;

    /// The message is gone: decided before its end, given up by the MTA, or pushed out by a new one;
    /// connection data stays.
    fn abort(&mut self);

    /// No message's macros hold any more: called between messages, before the macros of the next
    /// one come.
    fn forget_macros(&mut self);

    /// Octets that are held on behalf of the connection and its message, for its account (see
    /// [`memory`](crate::memory)). Asked for often, so it counts nothing anew.
    fn held(&self) -> usize;

    /// There is no memory for the message under way: nothing of it is to be kept, and it ends with a
    /// temporary failure.
    fn give_up(&mut self);

    /// Whether a message is under way, so that a stop waits for its end.
    fn in_message(&self) -> bool;
}
