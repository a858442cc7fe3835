//! The mail queue, as `postqueue -j` tells it (Postfix 3.1).

use std::{
    io::{self, Read},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde::Deserialize;

use super::{Postfix, PostfixError, program::path_of};

/// Octets that are read of the queue's listing.
const MAX_OCTETS: u64 = 16 * 1024 * 1024;
/// Messages that are kept of it.
const MAX_MESSAGES: usize = 20_000;
/// How long the listing may take.
const PATIENCE: Duration = Duration::from_secs(15);
const PROGRAM: &str = "postqueue";

/// What is in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether these are all.
    pub complete: bool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// `deferred`, `active`, `incoming`, `hold`, `maildrop`.
    pub queue_name: String,
    /// Its queue id.
    pub queue_id: String,
    /// When it came, in seconds since 1970.
    pub arrival_time: u64,
    /// The envelope sender, empty for bounces.
    #[serde(default)]
    pub sender: String,
    /// Those it has not been delivered to.
    #[serde(default)]
    pub recipients: Vec<Recipient>,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Recipient {
    /// The address.
    pub address: String,
    /// Why the last try failed.
    #[serde(default)]
    pub delay_reason: Option<String>,
}

impl Recipient {
    /// The domain of the address.
    pub fn domain(&self) -> &str {
        let (_, domain) = self.address.rsplit_once('@').unwrap_or_default();
        domain
    }
}

impl Queue {
    /// Lists the queue of an instance. Blocks, for at most some seconds.
    ///
    /// # Errors
    /// If `postqueue` is not there, fails, or takes too long.
    pub fn list(postfix: &Postfix) -> Result<Self, PostfixError> {
        let not_started = |cause| PostfixError::NotStarted {
            program: PROGRAM,
            cause,
        };
        let mut child = Command::new(path_of(PROGRAM))
            .arg("-c")
            .arg(&postfix.directory)
            .arg("-j")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|cause| match cause.kind() {
                io::ErrorKind::NotFound => PostfixError::NotInstalled(PROGRAM),
                _ => not_started(cause),
            })?;
        let (Some(output), Some(complaint)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(not_started(io::ErrorKind::BrokenPipe.into()));
        };
        let output = read_aside(output, MAX_OCTETS);
        let complaint = read_aside(complaint, MAX_OCTETS);
        let listing = output.recv_timeout(PATIENCE);
        // Ends it where it is slow or has more to say than is read.
        let _ = child.kill();
        let status = child.wait().map_err(not_started)?;
        let Ok(listing) = listing else {
            return Err(not_started(io::ErrorKind::TimedOut.into()));
        };
        let queue = Self::parse(&listing);
        // Killed in the midst of it: what was read counts.
        if status.code().is_some_and(|code| code != 0) && queue.messages.is_empty() {
            let complaint = complaint.recv_timeout(PATIENCE).unwrap_or_default();
            return Err(PostfixError::Failed {
                program: PROGRAM,
                complaint: String::from_utf8_lossy(&complaint).trim().to_owned(),
            });
        }
        Ok(queue)
    }

    /// Reads one JSON object a line; what is cut off or no JSON is left out.
    pub fn parse(listing: &[u8]) -> Self {
        let lines = listing.split(|octet| *octet == b'\n');
        let mut all = lines.filter_map(|line| serde_json::from_slice(line).ok());
        let messages: Vec<Message> = all.by_ref().take(MAX_MESSAGES).collect();
        let cut = (listing.len() as u64) >= MAX_OCTETS;
        Self {
            complete: !cut && all.next().is_none(),
            messages,
        }
    }
}

/// Reads up to a limit in a thread of its own.
fn read_aside(from: impl Read + Send + 'static, limit: u64) -> mpsc::Receiver<Vec<u8>> {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let mut octets = Vec::new();
        // What came before an error counts.
        let _ = from.take(limit).read_to_end(&mut octets);
        let _ = done.send(octets);
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_line_by_line() {
        let listing = br#"{"queue_name": "deferred", "queue_id": "3C5A1202F5", "arrival_time": 1795460000, "message_size": 512, "forced_expire": false, "sender": "joe@example.com", "recipients": [{"address": "a@gmail.com", "delay_reason": "host x said: 421 4.7.0 no"}, {"address": "b"}]}
{"queue_name": "maildrop", "queue_id": "4D", "arrival_time": 1, "sender": "", "recipients": []}
not json
{"queue_name": "defer"#;
        let queue = Queue::parse(listing);
        assert!(queue.complete);
        assert_eq!(queue.messages.len(), 2);
        let [first, second] = &queue.messages[0].recipients[..] else {
            panic!("two recipients")
        };
        assert_eq!(first.domain(), "gmail.com");
        assert_eq!(second.domain(), "");
        assert_eq!(second.delay_reason, None);
    }

    #[test]
    fn a_queue_without_end_is_cut() {
        let line = br#"{"queue_name": "active", "queue_id": "1", "arrival_time": 1}
"#;
        let queue = Queue::parse(&line.repeat(MAX_MESSAGES + 1));
        assert_eq!(queue.messages.len(), MAX_MESSAGES);
        assert!(!queue.complete);
    }
}
