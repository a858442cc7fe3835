//! What we ask of the MTA, masked with what it offers.
//!
//! Wherever it lets us we promise to send no reply: a whole small message then arrives in two
//! reads instead of one read and one write for each command.

use std::{collections::HashMap, ffi::CString};

use indymilter::{
    Actions, MacroStage, ProtoOpts,
    message::{
        command::{CommandKind, OptNegPayload},
        reply::Reply as WireReply,
    },
};

use super::{Agreed, ConnectionError, Wishes};

/// The newest protocol that we speak.
const NEWEST_VERSION: u32 = 6;

/// The oldest.
const OLDEST_VERSION: u32 = 2;

/// Actions without which nothing can be done.
const MANDATORY: Actions = Actions::ADD_HEADER;

/// The macro that the end of the header must bring whatever else is wished: the queue id.
const QUEUE_ID: &str = "i";

/// The terms of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    actions: Actions,
    options: ProtoOpts,
}

impl Terms {
    /// Settles the terms from the MTA's offer; also gives our answer to it.
    ///
    /// # Errors
    /// If the MTA's protocol is too old, or it lets nobody add fields.
    pub fn settle(
        offer: &OptNegPayload,
        wishes: &Wishes,
    ) -> Result<(Self, WireReply), ConnectionError> {
        if offer.version < OLDEST_VERSION {
            return Err(ConnectionError::OldProtocol(offer.version));
        }
        if !offer.actions.contains(MANDATORY) {
            return Err(ConnectionError::MissingActions {
                got: offer.actions.bits(),
                need: MANDATORY.bits(),
            });
        }
        let terms = Self {
            actions: wanted_actions(wishes) & offer.actions,
            options: wanted_options(wishes) & offer.opts,
        };
        let mut macros = HashMap::new();
        if terms.actions.contains(Actions::REQUEST_MACROS) {
            macros.insert(MacroStage::Eoh, macro_list(&wishes.macros));
        }
        let answer = WireReply::OptNeg {
            version: offer.version.min(NEWEST_VERSION),
            actions: terms.actions,
            opts: terms.options,
            macros,
        };
        Ok((terms, answer))
    }

    /// What the conversation needs to know of it.
    pub fn agreed(&self) -> Agreed {
        Agreed {
            leading_space: self.options.contains(ProtoOpts::LEADING_SPACE),
            delete_headers: self.actions.contains(Actions::CHANGE_HEADER),
            quarantine: self.actions.contains(Actions::QUARANTINE),
            change_recipients: self
                .actions
                .contains(Actions::ADD_RCPT | Actions::DELETE_RCPT),
        }
    }

    /// Whether the MTA waits for a reply to this command.
    pub fn reply_due(&self, command: CommandKind) -> bool {
        let promise = match command {
            CommandKind::ConnInfo => ProtoOpts::NOREPLY_CONNECT,
            CommandKind::Helo => ProtoOpts::NOREPLY_HELO,
            CommandKind::Mail => ProtoOpts::NOREPLY_MAIL,
            CommandKind::Rcpt => ProtoOpts::NOREPLY_RCPT,
            CommandKind::Data => ProtoOpts::NOREPLY_DATA,
            CommandKind::Header => ProtoOpts::NOREPLY_HEADER,
            CommandKind::Eoh => ProtoOpts::NOREPLY_EOH,
            CommandKind::BodyChunk => ProtoOpts::NOREPLY_BODY,
            CommandKind::Unknown => ProtoOpts::NOREPLY_UNKNOWN,
            // The end of the message has replies of its own, and the rest none.
            CommandKind::BodyEnd
            | CommandKind::OptNeg
            | CommandKind::DefMacros
            | CommandKind::Abort
            | CommandKind::Quit
            | CommandKind::QuitNc => return false,
        };
        !self.options.contains(promise)
    }

    /// Whether a reply to body octets may ask for no more of them.
    pub fn skip(&self) -> bool {
        self.options.contains(ProtoOpts::SKIP)
    }
}

fn wanted_actions(wishes: &Wishes) -> Actions {
    let mut actions = MANDATORY;
    actions.set(Actions::CHANGE_HEADER, wishes.delete_headers);
    actions.set(
        Actions::ADD_RCPT | Actions::DELETE_RCPT,
        wishes.change_recipients,
    );
    actions.set(Actions::QUARANTINE, wishes.quarantine);
    actions.set(Actions::REQUEST_MACROS, !wishes.macros.is_empty());
    actions
}

fn wanted_options(wishes: &Wishes) -> ProtoOpts {
    // The reply at connect can end all interest in the connection, so it is always given.
    let mut options = ProtoOpts::NO_HELO
        | ProtoOpts::NO_UNKNOWN
        | ProtoOpts::NO_DATA
        | ProtoOpts::SKIP
        | ProtoOpts::LEADING_SPACE
        | ProtoOpts::NOREPLY_HELO
        | ProtoOpts::NOREPLY_MAIL
        | ProtoOpts::NOREPLY_RCPT
        | ProtoOpts::NOREPLY_DATA
        | ProtoOpts::NOREPLY_HEADER
        | ProtoOpts::NOREPLY_UNKNOWN;
    options.set(ProtoOpts::NO_RCPT, !wishes.recipients);
    options.set(ProtoOpts::NOREPLY_EOH, !wishes.answer_end_of_header);
    options.set(ProtoOpts::NOREPLY_BODY, !wishes.answer_body);
    options
}

/// The list replaces the MTA's own for that stage, so the queue id is named in it.
fn macro_list(names: &[String]) -> CString {
    let mut list = vec![QUEUE_ID];
    list.extend(
        names
            .iter()
            .map(String::as_str)
            .filter(|name| *name != QUEUE_ID),
    );
    let list: Vec<u8> = list.join(" ").into_bytes();
    super::reply::c_string(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(version: u32, actions: u32, options: u32) -> OptNegPayload {
        OptNegPayload {
            version,
            actions: Actions::from_bits_truncate(actions),
            opts: ProtoOpts::from_bits_truncate(options),
        }
    }

    fn settle(version: u32, actions: u32, options: u32, wishes: &Wishes) -> (u32, u32, u32) {
        let (_, answer) = Terms::settle(&offer(version, actions, options), wishes).unwrap();
        match answer {
            WireReply::OptNeg {
                version,
                actions,
                opts,
                ..
            } => (version, actions.bits(), opts.bits()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn postfix_is_asked_for_no_reply_wherever_none_is_needed() {
        let wishes = Wishes::default();
        assert_eq!(
            settle(6, 0x1ff, 0x001f_ffff, &wishes),
            (6, 0x1, 0x001f_e78a)
        );
        let answers = Wishes {
            answer_end_of_header: true,
            answer_body: true,
            recipients: true,
            delete_headers: true,
            ..Wishes::default()
        };
        assert_eq!(
            settle(6, 0x1ff, 0x001f_ffff, &answers),
            (6, 0x11, 0x0013_e782)
        );
    }

    #[test]
    fn nothing_is_asked_for_that_is_not_offered() {
        let all = Wishes {
            delete_headers: true,
            change_recipients: true,
            quarantine: true,
            macros: vec!["{auth_type}".into()],
            ..Wishes::default()
        };
        assert_eq!(settle(2, 0x3f, 0x7f, &all), (2, 0x3d, 0x0a));
        let (terms, _) = Terms::settle(&offer(2, 0x3f, 0x7f), &all).unwrap();
        let commands = b"CMRLNB".map(|letter| CommandKind::try_from(letter).unwrap());
        assert!(commands.into_iter().all(|kind| terms.reply_due(kind)));
        assert!(!terms.agreed().leading_space && !terms.skip());
    }

    #[test]
    fn a_newer_protocol_is_answered_with_ours() {
        assert_eq!(settle(7, 0x1ff, 0, &Wishes::default()), (6, 1, 0));
    }

    #[test]
    fn a_protocol_too_old_is_refused() {
        let error = Terms::settle(&offer(1, 0x3f, 0x7f), &Wishes::default()).unwrap_err();
        assert!(matches!(error, ConnectionError::OldProtocol(1)));
    }

    #[test]
    fn without_the_right_to_add_fields_the_log_says_so() {
        let error = Terms::settle(&offer(6, 0x1fe, 0), &Wishes::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "mlfi_negotiate(): required milter action(s) not available (got 0x1fe, need 0x1)"
        );
    }

    #[test]
    fn wished_macros_are_listed_after_the_queue_id() {
        let wishes = Wishes {
            macros: vec!["{auth_type}".into(), "i".into()],
            ..Wishes::default()
        };
        let (_, answer) = Terms::settle(&offer(6, 0x1ff, 0), &wishes).unwrap();
        let message = answer.into_message();
        assert_eq!(&message.buffer[12..], b"\0\0\0\x06i {auth_type}\0");
    }
}
