//! The queue: what waits, since when, and what the receivers' words mean.
//!
//! Findings: `queue-own-filter`, `queue-maildrop`, `queue-deferred`, `queue-held`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    calendar::{DAY_SECONDS, unix_seconds},
    checks::GREETED,
    codes,
    host::Host,
    report::{self, Report},
};
use dkimd_advice::{Finding, Level, text, text::Text};
use dkimd_postfix::{
    queue::{Message, Queue},
    refusal::{Cause, Refusal, Turn},
};

/// Reasons that are told; the most frequent first.
const MOST_REASONS: usize = 6;
/// Characters that are shown of a reason.
const SHOWN: usize = 300;
/// Seconds after which mail of local programs should have been taken in.
const MAILDROP_PATIENCE: u64 = 5 * 60;
/// Seconds after which somebody should look at mail on hold.
const HOLD_PATIENCE: u64 = 60 * 60;
/// Recipients' domains from which on trouble on the way is ours and not one receiver's.
const WIDE: usize = 3;
/// Causes that are ours only where many receivers, or a large one, are concerned.
const ONLY_IF_WIDE: &[&str] = &[
    "connection-timeout",
    "unreachable",
    "ipv6-unreachable",
    "dns-failure",
];
/// Causes that lie in the way from Postfix to us.
const OWN_FILTER: &[&str] = &["signing-failed", "filter-down"];

/// Lists it and judges.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(postfix) = host.postfix().cloned() else {
        return super::no_postfix();
    };
    let listed = tokio::task::spawn_blocking(move || Queue::list(&postfix)).await;
    match listed {
        Ok(Ok(queue)) => judge(&queue, unix_seconds(host.now)).into(),
        Ok(Err(error)) => Report::not_examined(
            report::Cause::Unavailable,
            text!("the queue can't be listed: {error}"),
        ),
        Err(error) => Report::not_examined(
            report::Cause::Unavailable,
            text!("the queue can't be listed: {error}"),
        ),
    }
}

/// Recipients whose mail waits for one reason.
#[derive(Debug)]
struct Group<'a> {
    cause: Option<&'static Cause>,
    recipients: usize,
    domains: BTreeSet<&'a str>,
    oldest: &'a Message,
    example: &'a str,
}

fn judge(queue: &Queue, now: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(maildrop(queue, now));
    let mut groups = groups(queue);
    groups.sort_by_key(|group| (std::cmp::Reverse(group.recipients), group.example));
    let told = groups.iter().take(MOST_REASONS);
    findings.extend(told.map(|group| group.finding(now)));
    findings.extend(held(queue, now));
    findings
}

fn groups(queue: &Queue) -> Vec<Group<'_>> {
    let mut groups: HashMap<String, Group<'_>> = HashMap::new();
    for message in &queue.messages {
        for recipient in &message.recipients {
            let Some(reason) = recipient.delay_reason.as_deref() else {
                continue;
            };
            let refusal = Refusal::read(reason);
            let cause = refusal.cause();
            // What nobody knows is told apart by the receiver.
            let key = match cause {
                Some(cause) => cause.word.to_owned(),
                None => refusal.host.unwrap_or_default(),
            };
            let group = groups.entry(key).or_insert_with(|| Group {
                cause,
                recipients: 0,
                domains: BTreeSet::new(),
                oldest: message,
                example: reason,
            });
            group.recipients += 1;
            group.domains.insert(recipient.domain());
            if message.arrival_time < group.oldest.arrival_time {
                group.oldest = message;
                group.example = reason;
            }
        }
    }
    groups.into_values().collect()
}

impl Group<'_> {
    fn level(&self) -> Level {
        let wide = self.domains.len() >= WIDE
            || self.domains.iter().any(|domain| GREETED.contains(domain));
        match self.cause {
            Some(cause) if OWN_FILTER.contains(&cause.word) => Level::Fail,
            Some(cause) if ONLY_IF_WIDE.contains(&cause.word) && !wide => Level::Info,
            Some(cause) if cause.turn == Turn::Ours => Level::Warn,
            _ => Level::Info,
        }
    }

    fn finding(&self, now: u64) -> Finding {
        let count = self.recipients;
        let age = age(now.saturating_sub(self.oldest.arrival_time));
        let id = &self.oldest.queue_id;
        let domains: Vec<&str> = self.domains.iter().take(WIDE).copied().collect();
        let domains = domains.join(", ");
        let code = match self.cause {
            Some(cause) if OWN_FILTER.contains(&cause.word) => codes::QUEUE_OWN_FILTER,
            _ => codes::QUEUE_DEFERRED,
        };
        let subject = self.cause.map_or(domains.as_str(), |cause| cause.word);
        let what = match self.cause {
            Some(cause) => {
                let meaning = &cause.meaning;
                text!("mail has waited for up to {age} (recipients: {count}): {meaning}")
            }
            None => text!("mail has waited for up to {age} (recipients: {count})"),
        };
        let example: String = self.example.chars().take(SHOWN).collect();
        let finding = Finding::new(self.level(), code, subject, what)
            .evidence(format!("{id} ({domains}): {example}"));
        match self.cause {
            Some(cause) => finding
                .advice(cause.remedy.clone())
                .command("postqueue -f   # when it is mended"),
            None => finding.command(format!("postcat -q {id}; postqueue -f")),
        }
    }
}

/// Mail of local programs that is not taken in: it waits where nobody sees it.
fn maildrop(queue: &Queue, now: u64) -> Option<Finding> {
    let waiting: Vec<&Message> = queue
        .messages
        .iter()
        .filter(|message| {
            message.queue_name == "maildrop"
                && now.saturating_sub(message.arrival_time) > MAILDROP_PATIENCE
        })
        .collect();
    let oldest = waiting.iter().min_by_key(|message| message.arrival_time)?;
    let count = waiting.len();
    let age = age(now.saturating_sub(oldest.arrival_time));
    Some(
        Finding::fail(
            codes::QUEUE_MAILDROP,
            "maildrop",
            text!("mail of local programs (cron, PHP, sendmail) is not taken in: {count} waiting, the \
                 oldest for {age}"),
        )
        .evidence(format!("maildrop/{}", oldest.queue_id))
        .why(text!("a filter in non_smtpd_milters puts them off (ours, if it can't sign, or can't be \
             reached), or pickup does not run"))
        .command("dkimd doctor --only milter,configuration,self-test")
        .command("journalctl -t postfix/cleanup -t postfix/pickup -n 20"),
    )
}

fn held(queue: &Queue, now: u64) -> Option<Finding> {
    let held: Vec<&Message> = queue
        .messages
        .iter()
        .filter(|message| message.queue_name == "hold")
        .collect();
    let oldest = held.iter().min_by_key(|message| message.arrival_time)?;
    let waited = now.saturating_sub(oldest.arrival_time);
    let level = match waited > HOLD_PATIENCE {
        true => Level::Warn,
        false => Level::Info,
    };
    let count = held.len();
    let age = age(waited);
    let id = &oldest.queue_id;
    Some(
        Finding::new(
            level,
            codes::QUEUE_HELD,
            "hold",
            text!("mail is on hold: {count}, the oldest for {age}; Postfix does not touch it"),
        )
        .evidence(format!("{id} from <{}>", oldest.sender))
        .why(text!(
            "somebody ran postsuper -h, or a filter quarantined them: dkimd does where an On-… \
             option says quarantine"
        ))
        .command(format!("postcat -q {id}   # look at it"))
        .command(format!("postsuper -H {id}   # let it go, or -d to delete")),
    )
}

fn age(seconds: u64) -> Text {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / DAY_SECONDS);
    match (hours, days) {
        (0, _) => text!("{minutes} min"),
        (_, 0..2) => text!("{hours} h"),
        _ => text!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_467_937;

    fn queue(entries: &[(&str, u64, &str, &str)]) -> Queue {
        let lines: String = entries
            .iter()
            .enumerate()
            .map(|(number, (name, ago, recipient, reason))| {
                let recipient = match reason.is_empty() {
                    true => serde_json::json!({"address": recipient}),
                    false => serde_json::json!({"address": recipient, "delay_reason": reason}),
                };
                let message = serde_json::json!({
                    "queue_name": name,
                    "queue_id": format!("A{number}"),
                    "arrival_time": NOW - ago,
                    "sender": "joe@example.com",
                    "recipients": [recipient],
                });
                format!("{message}\n")
            })
            .collect();
        Queue::parse(lines.as_bytes())
    }

    fn told(entries: &[(&str, u64, &str, &str)]) -> Vec<(Level, &'static str, String)> {
        let findings = judge(&queue(entries), NOW);
        let told = findings
            .into_iter()
            .map(|f| (f.level, f.code.word(), f.subject.clone()));
        told.collect()
    }

    const TIMEOUT: &str = "connect to mx.example.org[192.0.2.1]:25: Connection timed out";

    #[test]
    fn an_empty_queue_is_fine() {
        assert!(told(&[]).is_empty());
        assert!(told(&[("active", 3, "a@example.org", "")]).is_empty());
    }

    #[test]
    fn reasons_are_translated_and_told_once_with_their_number() {
        let no_tls = "host mx.google.com[192.0.2.1] said: 421-4.7.29 Your email has been rate \
                      limited. - gsmtp";
        let entries = [
            ("deferred", 7200, "a@gmail.com", no_tls),
            ("deferred", 600, "b@gmail.com", no_tls),
            (
                "deferred",
                600,
                "c@example.org",
                "Greylisted, 451 4.2.0 come back",
            ),
        ];
        let findings = judge(&queue(&entries), NOW);
        assert_eq!(findings[0].level, Level::Warn);
        assert_eq!(findings[0].subject, "no-tls");
        let what = findings[0].what.to(text::Lang::En);
        assert!(
            what.starts_with("mail has waited for up to 2 h (recipients: 2)"),
            "{what}"
        );
        assert!(findings[0].evidence[0].starts_with("A0 (gmail.com)"));
        assert_eq!(findings[1].level, Level::Info);
    }

    #[test]
    fn one_receiver_that_is_away_is_no_fault_of_ours() {
        let one = ("deferred", 60, "a@example.org", TIMEOUT);
        assert_eq!(told(&[one])[0].0, Level::Info);
        let many = [
            one,
            ("deferred", 60, "a@example.net", TIMEOUT),
            ("deferred", 60, "a@example.com", TIMEOUT),
        ];
        assert_eq!(told(&many)[0].0, Level::Warn);
        let large = [("deferred", 60, "a@gmail.com", TIMEOUT)];
        assert_eq!(told(&large)[0].0, Level::Warn);
    }

    #[test]
    fn what_our_own_filter_holds_up_is_named() {
        let own = "4.7.1 Service unavailable - try again later";
        let found = told(&[("deferred", 60, "a@example.org", own)]);
        assert_eq!(found[0].1, "queue-own-filter");
        assert_eq!(found[0].0, Level::Fail);
        let stuck = told(&[
            ("maildrop", 600, "a@example.org", ""),
            ("maildrop", 10, "a@example.org", ""),
        ]);
        assert_eq!(stuck[0].1, "queue-maildrop");
        assert!(told(&[("maildrop", 10, "a@example.org", "")]).is_empty());
    }

    #[test]
    fn mail_on_hold_is_a_warning_after_an_hour() {
        assert_eq!(told(&[("hold", 60, "a@example.org", "")])[0].0, Level::Info);
        assert_eq!(
            told(&[("hold", 7200, "a@example.org", "")])[0].0,
            Level::Warn
        );
    }

    #[test]
    fn unknown_words_are_shown_as_they_are() {
        let found = judge(
            &queue(&[(
                "deferred",
                60,
                "a@example.org",
                "host mx.example.org[1.2.3.4] said: 450 hm",
            )]),
            NOW,
        );
        assert_eq!(found[0].level, Level::Info);
        assert!(found[0].evidence[0].ends_with("450 hm"));
    }
}
