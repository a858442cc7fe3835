//! Which command may come now, and what it leads to.
//!
//! Order of commands: negotiation first; `M`, `R`, `L`, `N`, `B`, `E` in that order, all but `M`,
//! `N` and `E` optional. As with libmilter, `C` may be missing, `M` may come in the middle of a
//! message (which then is aborted), and `A` may come without one. Any other order ends the
//! connection, upon which the MTA does what its default action says. Nothing is read or written here:
//! replies are put down for whoever writes.

use std::{mem, sync::Arc};

use indymilter::message::{
    command::{CommandKind, OptNegPayload},
    reply::Reply as WireReply,
};

use super::{
    Agreed, ConnectionError, Conversation, Reply,
    command::{Command, Macros},
    negotiate::Terms,
    reply,
};

/// Where in the protocol the connection stands.
#[derive(Debug)]
enum Phase {
    /// Before negotiation.
    Opening,
    /// Between messages.
    Idle,
    /// From MAIL on.
    Envelope,
    /// From the first header field on.
    Header,
    /// From the end of the header on.
    Body {
        /// Whether the conversation still wants octets.
        wanted: bool,
    },
    /// Decided, but the reply can only be given at the end of the message.
    Decided(Reply),
    /// The client was let through at connect: no more questions.
    Released,
}

/// What the loop has to do after a command.
pub(super) enum Step {
    /// Nothing but go on.
    Next,
    /// Ask the conversation for its decision, and tell [`Protocol::end_of_header`].
    EndOfHeader,
    /// Ask the conversation for its changes, and then call [`Protocol::end_of_message`].
    EndOfMessage,
    /// Hang up.
    Quit,
}

/// One connection's place in the protocol, and the conversation that goes with it.
pub(super) struct Protocol<C, F> {
    /// Who judges the mail.
    pub(super) conversation: C,
    /// Replies that wait to be written.
    pub(super) replies: Vec<u8>,
    make: Arc<F>,
    phase: Phase,
    terms: Option<Terms>,
    /// The command before this one was macros of a new message.
    mail_announced: bool,
}

impl<C: Conversation, F: Fn() -> C> Protocol<C, F> {
    pub(super) fn new(make: Arc<F>) -> Self {
        Self {
            conversation: make(),
            replies: Vec::new(),
            make,
            phase: Phase::Opening,
            terms: None,
            mail_announced: false,
        }
    }

    /// Octets that are held for the connection.
    pub(super) fn held(&self) -> usize {
        self.conversation.held() + self.replies.capacity()
    }

    /// Whether a message is under way.
    pub(super) fn in_message(&self) -> bool {
        matches!(self.phase, Phase::Decided(_)) || self.conversation.in_message()
    }

    /// Whether the MTA is where it has no reason to wait: before its first word, or in a header or a
    /// body.
    pub(super) fn in_the_middle(&self) -> bool {
        matches!(
            self.phase,
            Phase::Opening | Phase::Header | Phase::Body { .. } | Phase::Decided(_)
        )
    }

    /// What was agreed on; `None` before that.
    pub(super) fn agreed(&self) -> Option<Agreed> {
        self.terms.map(|terms| terms.agreed())
    }

    /// Takes the next command.
    pub(super) fn step(&mut self, command: Command<'_>) -> Result<Step, ConnectionError> {
        let kind = command.kind();
        let Some(terms) = self.terms else {
            return match command {
                Command::Negotiate(offer) => self.negotiate(&offer),
                Command::Quit => Ok(Step::Quit),
                _ => Err(ConnectionError::unexpected(kind)),
            };
        };
        let announced = mem::take(&mut self.mail_announced);
        let mut reply = WireReply::Continue;
        match (command, &mut self.phase) {
            (Command::Body(octets), Phase::Body { wanted }) => {
                *wanted = *wanted && self.conversation.body(octets);
                return Ok(Step::Next);
            }
            (Command::Body(_), Phase::Decided(_)) => return Ok(Step::Next),
            (Command::EndOfChunk, Phase::Body { wanted: true }) => {}
            (Command::EndOfChunk, Phase::Body { .. } | Phase::Decided(_)) => {
                if terms.skip() {
                    reply = WireReply::Skip;
                }
            }
            (Command::Macros(macros), _) => {
                self.macros(macros, announced);
                return Ok(Step::Next);
            }
            (Command::Header(field), Phase::Envelope | Phase::Header) => {
                if let Some(field) = field {
                    self.conversation.header(field.name, field.value);
                }
                self.phase = Phase::Header;
            }
            (Command::Mail(_), Phase::Opening | Phase::Released) => {
                return Err(ConnectionError::unexpected(kind));
            }
            (Command::Mail(sender), _) => {
                self.abort();
                self.conversation.mail(sender);
                self.phase = Phase::Envelope;
            }
            (Command::Recipient(recipient), Phase::Envelope) => {
                if let Some(recipient) = recipient {
                    self.conversation.recipient(recipient);
                }
            }
            (Command::EndOfHeader, Phase::Envelope | Phase::Header) => {
                return Ok(Step::EndOfHeader);
            }
            (Command::EndOfMessage, Phase::Body { .. }) => return Ok(Step::EndOfMessage),
            (Command::EndOfMessage, Phase::Decided(decision)) => {
                reply = reply::wire_reply(mem::replace(decision, Reply::Continue));
                self.abort();
                reply::put(&mut self.replies, reply);
                return Ok(Step::Next);
            }
            (Command::Abort, _) => {
                self.forget_message();
                return Ok(Step::Next);
            }
            (Command::Connect(client), Phase::Idle) => {
                let answer = self.conversation.connect(client);
                if answer != Reply::Continue {
                    self.phase = Phase::Released;
                }
                reply = reply::wire_reply(answer);
            }
            (Command::QuitNewConnection, _) => {
                self.abort();
                self.conversation = (self.make)();
                self.conversation.agreed(terms.agreed());
                self.phase = Phase::Idle;
                return Ok(Step::Next);
            }
            (Command::Quit, _) => return Ok(Step::Quit),
            (Command::Helo | Command::Unknown, _) | (Command::Data, Phase::Envelope) => {}
            (
                Command::Negotiate(_)
                | Command::Connect(_)
                | Command::Recipient(_)
                | Command::Data
                | Command::Header(_)
                | Command::EndOfHeader
                | Command::Body(_)
                | Command::EndOfChunk
                | Command::EndOfMessage,
                _,
            ) => return Err(ConnectionError::unexpected(kind)),
        }
        if terms.reply_due(kind) {
            reply::put(&mut self.replies, reply);
        }
        Ok(Step::Next)
    }

    /// The conversation has decided at the end of the header.
    pub(super) fn end_of_header(&mut self, decision: Reply) {
        let due = self
            .terms
            .is_some_and(|terms| terms.reply_due(CommandKind::Eoh));
        self.phase = match &decision {
            Reply::Continue => Phase::Body { wanted: true },
            _ if due => Phase::Idle,
            _ => Phase::Decided(decision.clone()),
        };
        if due {
            if decision != Reply::Continue {
                // The MTA says no more about this message.
                self.conversation.abort();
            }
            reply::put(&mut self.replies, reply::wire_reply(decision));
        }
    }

    /// The changes are told, and this is the message's end.
    pub(super) fn end_of_message(&mut self, reply: Reply) {
        reply::put(&mut self.replies, reply::wire_reply(reply));
        self.phase = Phase::Idle;
    }

    fn negotiate(&mut self, offer: &OptNegPayload) -> Result<Step, ConnectionError> {
        let (terms, answer) = Terms::settle(offer, &self.conversation.wishes())?;
        self.conversation.agreed(terms.agreed());
        self.terms = Some(terms);
        self.phase = Phase::Idle;
        reply::put(&mut self.replies, answer);
        Ok(Step::Next)
    }

    /// Macros are told as they come.
    fn macros(&mut self, macros: Macros<'_>, announced: bool) {
        if macros.begins_message() && !announced {
            // A new message begins with its macros; nothing of the last one may stay.
            self.forget_message();
        }
        self.mail_announced = macros.begins_message();
        for (name, value) in macros.pairs() {
            self.conversation.define_macro(macros.stage(), name, value);
        }
    }

    /// Nothing that was told about an earlier message holds any more: macros that outlived their
    /// message would let a stranger's mail pass for an authenticated user's.
    fn forget_message(&mut self) {
        self.abort();
        self.conversation.forget_macros();
    }

    /// The message under way, if any, is gone.
    fn abort(&mut self) {
        match self.phase {
            Phase::Envelope | Phase::Header | Phase::Body { .. } | Phase::Decided(_) => {
                self.conversation.abort();
                self.phase = Phase::Idle;
            }
            Phase::Opening | Phase::Idle | Phase::Released => {}
        }
    }
}
