//! The story of a message, told from the lines of its queue id: where it came from, what the milter
//! decided and why, each attempt to deliver it, and what is to be mended.

use super::{
    answer::{Answer, Event},
    lines,
    log_line::LogLine,
    queue::Gathered,
    reply,
};
use dkimd_advice::{Code, Finding, Level, text, text::Text};

/// Events that are told; of more, those in the middle are left out.
const MAX_EVENTS: usize = 200;
/// Lines shown as evidence of one finding.
const MAX_EVIDENCE: usize = 3;

/// The milter's words on why mail is not its own: right for mail from strangers.
const STRANGERS: [&str; 5] = [
    "not-ours",
    "not-internal",
    "not-authenticated",
    "no-macros-match",
    "no-mta-match",
];

/// That some milter refused the message, or had no key: no news where it is known why.
const UNNAMED: [&str; 3] = ["milter-deferred", "milter-refused", "key-not-loaded"];

/// Tells it.
pub(super) fn tell(id: &str, gathered: &Gathered) -> Answer {
    let mut story = Story {
        milters: gathered.milters.clone(),
        ..Story::default()
    };
    let mut lines: Vec<&String> = last_life(&gathered.lines)
        .iter()
        .chain(&gathered.warnings)
        .collect();
    // What several programs wrote in one second stays as it stood.
    lines.sort_by_key(|line| LogLine::parse(line).time.map(second));
    for line in lines {
        story.take(line);
    }
    story.end(gathered);
    Answer {
        story: story.shortened(),
        ..Answer::of("queue-id", id, story.findings)
    }
}

/// A time as text that sorts, to the second: `Nov  3 21:24:52` as `11-03 21:24:52`.
fn second(time: &str) -> String {
    let time = time.split(['.', ',']).next().unwrap_or(time);
    let mut words = time.split_whitespace();
    let month = words
        .next()
        .and_then(|word| MONTHS.iter().position(|month| *month == word));
    match (month, words.next(), words.next()) {
        (Some(month), Some(day), Some(clock)) => format!("{:02}-{day:0>2} {clock}", month + 1),
        _ => time.to_owned(),
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// How the log of a message begins: received by smtpd or pickup, or made by Postfix itself.
const BEGINNINGS: [&str; 3] = ["client=", "uid=", "message-id="];

/// Short queue ids come back: of several messages with the id, the last. The milter's lines may come
/// behind Postfix's last one.
fn last_life(lines: &[String]) -> &[String] {
    let text = |line: &String| LogLine::parse(line).text.to_owned();
    let begins = |line: &String| BEGINNINGS.iter().any(|begin| text(line).starts_with(begin));
    let begun = lines.iter().rposition(begins).unwrap_or(0);
    let ended = lines[..begun]
        .iter()
        .rposition(|line| text(line) == "removed");
    &lines[ended.map_or(0, |at| at + 1)..]
}

#[derive(Debug, Default)]
struct Story {
    events: Vec<Event>,
    findings: Vec<Finding>,
    /// The names that the milter logs under.
    milters: Vec<String>,
    /// It came from this host or from somebody who had logged in.
    ours: bool,
    /// It came in at all: else the log's beginning is missing.
    received: bool,
    /// The milter said something of it.
    judged: bool,
    signed: bool,
}

impl Story {
    fn take(&mut self, line: &str) {
        let log = LogLine::parse(line);
        let finding = lines::explain(&log);
        let what = match &finding {
            Some(finding) => finding.what.clone(),
            None => Text::new(log.text, log.text),
        };
        self.events.push(Event {
            time: log.time.unwrap_or_default().to_owned(),
            program: log.service().to_owned(),
            what,
        });
        self.judged |= self.milters.iter().any(|name| log.program == Some(name));
        let Some(finding) = finding else { return };
        match finding.code.word() {
            "received-locally" | "received-authenticated" => {
                (self.received, self.ours) = (true, true)
            }
            "received" => {
                self.received = true;
                self.ours |= log.text.contains("[127.0.0.1]") || log.text.contains("[::1]");
            }
            "signed" => self.signed = true,
            "delivered" | "delivered-here" => self.delivered(&finding.subject),
            // The milter refused it, so it saw it, whatever its log says.
            _ if log.text.starts_with("milter-") => self.judged = true,
            _ => {}
        }
        if finding.level > Level::Info || STRANGERS.contains(&finding.code.word()) {
            self.find(finding.evidence(line));
        }
    }

    fn find(&mut self, finding: Finding) {
        let known = self.findings.iter_mut().find(|known| {
            let vague = known.subject.is_empty() || finding.subject.is_empty();
            known.code == finding.code && (vague || known.subject == finding.subject)
        });
        let Some(known) = known else {
            return self.findings.push(finding);
        };
        let mut evidence = std::mem::take(&mut known.evidence);
        evidence.extend(finding.evidence.iter().cloned());
        evidence.drain(..evidence.len().saturating_sub(MAX_EVIDENCE));
        // The milter's line says more than its reply.
        if !finding.subject.is_empty() {
            *known = finding;
        }
        known.evidence = evidence;
    }

    /// What kept a recipient from getting it before is over.
    fn delivered(&mut self, recipient: &str) {
        self.findings.retain(|finding| finding.subject != recipient);
    }

    fn end(&mut self, gathered: &Gathered) {
        let named = |finding: &Finding| {
            finding.level == Level::Fail && !UNNAMED.contains(&finding.code.word())
        };
        if self.findings.iter().any(named) {
            self.findings.retain(|f| !UNNAMED.contains(&f.code.word()));
        }
        if self.signed {
            self.findings
                .retain(|f| !STRANGERS.contains(&f.code.word()));
        } else if self.received && !self.ours {
            for finding in &mut self.findings {
                if STRANGERS.contains(&finding.code.word()) {
                    finding.level = Level::Info;
                }
            }
        }
        if self.received && !self.judged {
            self.findings.push(self.unjudged(gathered));
        }
        if !self.received {
            self.findings.push(beginning_missing());
        }
        self.waiting(gathered);
        self.findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.level));
    }

    fn unjudged(&self, gathered: &Gathered) -> Finding {
        let unknown = gathered.unknown_jobs;
        if unknown > 0 {
            return Finding::warn(
                Code::new("milter-without-queue-id"),
                "",
                text!("the milter's lines name no queue id ({unknown} lines begin with (unknown-jobid)), so \
                     it can't be said what it decided about this message"),
            )
            .command(
                "postconf -X milter_mail_macros milter_rcpt_macros milter_data_macros \
                 milter_end_of_header_macros milter_end_of_data_macros && postfix reload",
            );
        }
        let what = text!(
            "the log has no line of the milter about this message: it never saw it, or it is set to log \
             little"
        );
        let finding = match self.ours {
            true => Finding::warn(Code::new("milter-silent"), "", what),
            false => Finding::info(Code::new("milter-silent"), "", what),
        };
        finding
            .why(text!("mail over the network passes smtpd_milters, mail that is handed in on this host passes \
                 non_smtpd_milters; mail that is neither signed nor refused leaves a line only with LogWhy"))
            .command("postconf smtpd_milters non_smtpd_milters")
            .setting("/etc/opendkim.conf", "Syslog yes")
            .setting("/etc/opendkim.conf", "SyslogSuccess yes")
            .setting("/etc/opendkim.conf", "LogWhy yes")
            .command("systemctl reload opendkim")
    }

    /// Where it is now, if it still waits.
    fn waiting(&mut self, gathered: &Gathered) {
        let Some(waiting) = &gathered.waiting else {
            return;
        };
        let (queue, count) = (&waiting.queue_name, waiting.recipients.len());
        self.events.push(Event {
            time: String::new(),
            program: "postqueue".to_owned(),
            what: text!("now: in the queue `{queue}`, {count} recipients left"),
        });
        for recipient in &waiting.recipients {
            let Some(reason) = &recipient.delay_reason else {
                continue;
            };
            let known = self.findings.iter().any(|finding| {
                finding.subject == recipient.address
                    || finding.subject == format!("<{}>", recipient.address)
            });
            if known {
                continue;
            }
            let mut finding = reply::translate(reason, None);
            let address = &recipient.address;
            let meaning = finding.what;
            finding.what = text!("{address} was not reached yet: {meaning}");
            finding.subject = address.clone();
            self.find(finding.evidence(reason.as_str()));
        }
    }

    fn shortened(&self) -> Vec<Event> {
        let surplus = self.events.len().saturating_sub(MAX_EVENTS);
        let (begin, end) = (MAX_EVENTS / 2, MAX_EVENTS / 2 + surplus);
        let left_out = |number: usize| surplus > 0 && (begin..end).contains(&number);
        self.events
            .iter()
            .enumerate()
            .filter(|(number, _)| !left_out(*number))
            .map(|(_, event)| event.clone())
            .collect()
    }
}

fn beginning_missing() -> Finding {
    Finding::info(
        Code::new("beginning-missing"),
        "",
        text!("the beginning of the story is not in these logs"),
    )
    .advice(text!("name older logs: dkimd explain QUEUE-ID --log FILE"))
}

#[cfg(test)]
mod tests {
    use dkimd_advice::text::Lang;

    use super::*;

    fn story(text: &str) -> Answer {
        let gathered = Gathered {
            lines: text.lines().map(str::to_owned).collect(),
            milters: vec!["opendkim".to_owned()],
            ..Gathered::default()
        };
        tell("4F3A21C0E1", &gathered)
    }

    fn codes(answer: &Answer) -> Vec<&'static str> {
        answer
            .findings
            .iter()
            .map(|finding| finding.code.word())
            .collect()
    }

    const RECEIVED: &str = "Nov 23 21:24:52 mail postfix/submission/smtpd[1]: 4F3A21C0E1: client=dsl.example[192.0.2.7], sasl_method=PLAIN, sasl_username=joe";
    const SIGNED: &str = "Nov 23 21:24:52 mail opendkim[2]: 4F3A21C0E1: DKIM-Signature field added (s=mail, d=example.com)";
    const DEFERRED: &str = "Nov 23 21:24:53 mail postfix/smtp[3]: 4F3A21C0E1: to=<a@gmail.com>, relay=gmail-smtp-in.l.google.com[192.0.2.26]:25, delay=1, delays=0/0/0/1, dsn=4.7.26, status=deferred (host gmail-smtp-in.l.google.com[192.0.2.26] said: 421-4.7.26 Your email has been rate limited because the sender is unauthenticated. (in reply to end of DATA command))";
    const SENT: &str = "Nov 23 21:34:53 mail postfix/smtp[3]: 4F3A21C0E1: to=<a@gmail.com>, relay=gmail-smtp-in.l.google.com[192.0.2.26]:25, delay=600, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 OK gsmtp)";
    const REMOVED: &str = "Nov 23 21:34:53 mail postfix/qmgr[4]: 4F3A21C0E1: removed";

    #[test]
    fn a_message_that_was_signed_and_delivered_has_a_story_without_complaint() {
        let answer = story(&[RECEIVED, SIGNED, DEFERRED, SENT, REMOVED].join("\n"));
        assert_eq!(codes(&answer), Vec::<&str>::new());
        assert_eq!(answer.story.len(), 5);
        assert_eq!(
            answer.story[0].what.to(Lang::En),
            "received from dsl.example[192.0.2.7], logged in as joe"
        );
        assert_eq!(answer.story[0].program, "smtpd");
    }

    #[test]
    fn what_still_keeps_a_recipient_from_getting_it_is_told() {
        let answer = story(&[RECEIVED, SIGNED, DEFERRED].join("\n"));
        assert_eq!(answer.findings.len(), 1);
        assert_eq!(answer.findings[0].subject, "<a@gmail.com>");
    }

    #[test]
    fn a_message_that_the_milter_says_nothing_of_was_perhaps_not_seen() {
        assert_eq!(
            codes(&story(&[RECEIVED, SENT].join("\n"))),
            ["milter-silent"]
        );
        let gathered = Gathered {
            lines: vec![RECEIVED.to_owned(), SENT.to_owned()],
            unknown_jobs: 3,
            ..Gathered::default()
        };
        assert_eq!(
            codes(&tell("4F3A21C0E1", &gathered)),
            ["milter-without-queue-id"]
        );
    }

    #[test]
    fn that_a_strangers_mail_is_not_signed_is_no_complaint() {
        let stranger =
            "Nov 23 21:24:52 mail postfix/smtpd[1]: 4F3A21C0E1: client=mx.example.net[192.0.2.9]";
        let why =
            "Nov 23 21:24:52 mail opendkim[2]: 4F3A21C0E1: mx.example.net [192.0.2.9] not internal";
        let answer = story(&[stranger, why].join("\n"));
        assert_eq!(codes(&answer), ["not-internal"]);
        assert_eq!(answer.findings[0].level, Level::Info);
        let answer = story(&[RECEIVED, why].join("\n"));
        assert_eq!(answer.findings[0].level, Level::Warn);
    }

    #[test]
    fn of_several_messages_with_one_id_the_last_is_told() {
        let answer =
            story(&[RECEIVED, DEFERRED, REMOVED, RECEIVED, SIGNED, SENT, REMOVED].join("\n"));
        assert_eq!(answer.story.len(), 4);
        assert_eq!(codes(&answer), Vec::<&str>::new());
    }

    #[test]
    fn the_milters_line_may_come_behind_the_last_of_postfix() {
        let answer = story(&[RECEIVED, SENT, REMOVED, SIGNED].join("\n"));
        assert_eq!(answer.story.len(), 4);
        assert_eq!(answer.story[1].program, "opendkim");
        assert_eq!(codes(&answer), Vec::<&str>::new());
    }

    #[test]
    fn a_refusal_without_reason_is_no_news_beside_its_reason() {
        let refused = "Nov 23 21:24:53 mail postfix/cleanup[2]: 4F3A21C0E1: milter-reject: END-OF-MESSAGE from x[192.0.2.7]: 4.7.1 Service unavailable - try again later; from=<a@b> to=<c@d>";
        let why = "Nov 23 21:24:53 mail opendkim[2]: 4F3A21C0E1: signing table references unknown key 'k'";
        let ours = "Nov 23 21:24:53 mail postfix/cleanup[2]: 4F3A21C0E1: milter-reject: END-OF-MESSAGE from x[192.0.2.7]: 4.7.0 DKIM signing table error (key-not-in-table); from=<a@b> to=<c@d>";
        for reply in [refused, ours] {
            let answer = story(&[RECEIVED, reply, why].join("\n"));
            assert_eq!(codes(&answer), ["key-not-in-table"]);
            assert_eq!(answer.findings[0].subject, "k");
        }
    }

    #[test]
    fn a_story_without_beginning_says_so() {
        assert_eq!(codes(&story(SENT)), ["beginning-missing"]);
    }
}
