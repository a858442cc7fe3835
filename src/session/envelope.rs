//! The envelope: who sends to whom (RFC 5321), without angle brackets, within bounds.

/// Octets of recipients kept; Postfix's own limit of 1,000 recipients stays far below.
pub const MAX_RECIPIENT_OCTETS: usize = 1024 * 1024;

/// The envelope of the message under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Sender; empty for the null sender of bounces.
    pub sender: String,
    /// Recipients that were kept, in order.
    pub recipients: Vec<String>,
    /// Recipients that came after the bound was reached.
    pub recipients_dropped: usize,
    octets: usize,
}

impl Envelope {
    /// Begins with the sender as the MTA wrote it.
    pub fn from_sender(sender: &[u8]) -> Self {
        Self {
            sender: bare_address(sender),
            ..Self::default()
        }
    }

    /// Adds a recipient as the MTA wrote it.
    pub fn add_recipient(&mut self, recipient: &[u8]) {
        let recipient = bare_address(recipient);
        if self.octets + recipient.len() > MAX_RECIPIENT_OCTETS {
            self.recipients_dropped += 1;
            return;
        }
        self.octets += recipient.len();
        self.recipients.push(recipient);
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
        let mut envelope = Envelope::from_sender(b"<>");
        envelope.add_recipient(b"<joe@example.org>");
        envelope.add_recipient(b"bare@example.org");
        assert_eq!(envelope.sender, "");
        assert_eq!(envelope.recipients, ["joe@example.org", "bare@example.org"]);
    }

    #[test]
    fn recipients_are_bounded_and_the_rest_counted() {
        let mut envelope = Envelope::default();
        let long = [b'x'; MAX_RECIPIENT_OCTETS / 2];
        for _ in 0..5 {
            envelope.add_recipient(&long);
        }
        assert_eq!(
            (envelope.recipients.len(), envelope.recipients_dropped),
            (2, 3)
        );
    }
}
