//! The envelope: who sends to whom (RFC 5321), without angle brackets, within bounds.

/// What the recipients of a message may cost, texts and [`RECIPIENT_OVERHEAD`] together. Postfix's own
/// limit of 1,000 recipients stays far below.
pub const MAX_RECIPIENT_OCTETS: usize = 1024 * 1024;

/// What a recipient costs beside its text, even one of no octets.
pub const RECIPIENT_OVERHEAD: usize = 64;

/// Octets of the sender that are kept. RFC 5321 section 4.5.3.1.3 allows 256; the sender decides about
/// nothing and is only told in reports.
pub const MAX_SENDER_OCTETS: usize = 1024;

/// The envelope of the message under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Sender; empty for the null sender of bounces.
    pub sender: String,
    /// All recipients in order, if they are wanted and within the bound; else none.
    pub recipients: Vec<String>,
    wants_recipients: bool,
    overfull: bool,
    octets: usize,
}

impl Envelope {
    /// Begins with the sender as the MTA wrote it. Where nothing depends on the recipients, they are
    /// not kept.
    pub fn from_sender(sender: &[u8], wants_recipients: bool) -> Self {
        Self {
            sender: bare_address(&sender[..sender.len().min(MAX_SENDER_OCTETS)]),
            wants_recipients,
            ..Self::default()
        }
    }

    /// Adds a recipient as the MTA wrote it.
    pub fn add_recipient(&mut self, recipient: &[u8]) {
        if !self.wants_recipients || self.overfull {
            return;
        }
        self.octets += recipient.len() + RECIPIENT_OVERHEAD;
        if self.octets > MAX_RECIPIENT_OCTETS {
            // Some of them would decide as if they were all.
            self.overfull = true;
            self.octets = 0;
            self.recipients = Vec::new();
            return;
        }
        self.recipients.push(bare_address(recipient));
    }

    /// Whether there were more recipients than can be kept, so that nothing that depends on them can
    /// be decided.
    pub fn is_overfull(&self) -> bool {
        self.overfull
    }

    /// Octets that it holds.
    pub fn octets(&self) -> usize {
        self.sender.len() + self.octets
    }
}

fn bare_address(address: &[u8]) -> String {
    let inner = address
        .strip_prefix(b"<")
        .and_then(|a| a.strip_suffix(b">"))
        .unwrap_or(address);
    String::from_utf8_lossy(inner).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angle_brackets_are_taken_off() {
        let mut envelope = Envelope::from_sender(b"<>", true);
        envelope.add_recipient(b"<joe@example.org>");
        envelope.add_recipient(b"bare@example.org");
        assert_eq!(envelope.sender, "");
        assert_eq!(envelope.recipients, ["joe@example.org", "bare@example.org"]);
    }

    /// `trust-macros-bounded`: recipients of no octets among them.
    #[test]
    fn beyond_the_bound_no_recipient_is_kept_rather_than_some() {
        for recipient in [&[b'x'; 10_000][..], b"<>", b""] {
            let mut envelope = Envelope::from_sender(b"<a@example.com>", true);
            for _ in 0..MAX_RECIPIENT_OCTETS / 40 {
                envelope.add_recipient(recipient);
                assert!(envelope.octets <= MAX_RECIPIENT_OCTETS);
            }
            assert!(envelope.is_overfull());
            assert_eq!(envelope.recipients.capacity(), 0);
        }
    }

    #[test]
    fn recipients_on_which_nothing_depends_cost_nothing() {
        let mut envelope = Envelope::from_sender(b"<a@example.com>", false);
        for _ in 0..MAX_RECIPIENT_OCTETS {
            envelope.add_recipient(b"<>");
        }
        assert!(envelope.recipients.is_empty() && !envelope.is_overfull());
    }

    #[test]
    fn a_sender_of_any_length_is_cut() {
        let envelope = Envelope::from_sender(&[b'x'; 1_000_000], true);
        assert_eq!(envelope.octets(), MAX_SENDER_OCTETS);
    }
}
