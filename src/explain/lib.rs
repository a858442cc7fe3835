//! `dkimd explain`: what happened to mail and why, or what would be done with an author's mail.
//!
//! `subject` recognises what is asked about. An address goes to `author`, the dry run of the
//! daemon's own decision; a log line to `lines`, a word to `words`, a reply to `reply`; the
//! lines of a queue id are gathered by `queue` and told in order by `story`; a message file is
//! verified and its damage named by `message`, a bounce taken apart by `bounce`. What was found
//! is an `answer::Answer`.

#![warn(clippy::unwrap_used)]

mod answer;
mod author;
mod bounce;
mod delivery;
mod lines;
mod log_line;
mod message;
mod queue;
mod reply;
mod story;
mod subject;
mod template;
mod words;

use std::{
    env,
    io::{self, IsTerminal, Read, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;

use self::{answer::Answer, log_line::LogLine, subject::Subject};
use dkimd_advice::{
    Finding,
    line::one_line,
    render::{FORMAT, Style, finding_json},
    text,
    text::Lang,
};
use dkimd_server::{
    config::{DEFAULT_FILE, resolve::Overrides, snapshot::Snapshot},
    process::{ExitCode, Failure},
    secret,
};

/// Lines of standard input that are explained.
const MAX_LINES: usize = 10_000;
/// Octets of standard input that are explained.
const MAX_INPUT_OCTETS: u64 = 64 * 1024 * 1024;

/// Arguments of `dkimd explain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
WHAT is recognised, in this order: `-` (log lines on standard input), an existing file (message,
bounce, or log lines), a reason word of a log line or reply (see --codes), a queue id, an
Authentication-Results field, an SMTP reply (550-5.7.26 ...), a log line, an address. The options --line, --queue-id, --message, --reply and
--author say it outright.

Exit codes: 0 explained and nothing is wrong, or mail of the address is signed, verified or left
alone; 1 explained, and something is wrong; 64 wrong command line; 65 not understood, or not found in
the log; 69 a file or log can't be read, or mail of the address would be refused; 75 mail of the
address would be deferred, or DNS gave no answer; 77 the private key of the address could not be
examined for want of rights; 78 configuration error.")]
pub struct ExplainArgs {
    /// An address, a log line, a queue id, a reason word, an SMTP reply, or a message file
    #[arg(required_unless_present_any = ["line", "queue_id", "message", "reply", "author", "codes"])]
    pub what: Vec<String>,
    /// A log line
    #[arg(long, value_name = "TEXT", group = "subject", conflicts_with = "what")]
    pub line: Option<String>,
    /// A queue id: what the mail log says of that message
    #[arg(long, value_name = "ID", group = "subject", conflicts_with = "what")]
    pub queue_id: Option<String>,
    /// A message or bounce as it was received; `-` is standard input
    #[arg(long, value_name = "FILE", group = "subject", conflicts_with = "what")]
    pub message: Option<PathBuf>,
    /// The reply of a mail server, or the text of a bounce
    #[arg(long, value_name = "TEXT", group = "subject", conflicts_with = "what")]
    pub reply: Option<String>,
    /// An author: the From field of mail to be sent
    #[arg(
        long,
        value_name = "ADDRESS",
        group = "subject",
        conflicts_with = "what"
    )]
    pub author: Option<String>,
    /// List the reason words of log lines and replies
    #[arg(long, group = "subject", conflicts_with = "what")]
    pub codes: bool,
    /// Configuration file
    #[arg(short = 'x', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Of an author: the client's address, as Postfix would pass it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub client: IpAddr,
    /// Of an author: the client's host name, as Postfix would pass it
    #[arg(long, value_name = "NAME")]
    pub client_name: Option<String>,
    /// Of an author: the client authenticated as this user
    #[arg(long, value_name = "USER")]
    pub auth: Option<String>,
    /// Of an author: the name of the Postfix daemon (`milter_macro_daemon_name`)
    #[arg(long, value_name = "NAME")]
    pub daemon: Option<String>,
    /// Of an author: another macro of the MTA
    #[arg(long = "macro", value_name = "NAME=VALUE")]
    pub macros: Vec<String>,
    /// Of an author: a recipient
    #[arg(long = "to", value_name = "ADDRESS")]
    pub recipients: Vec<String>,
    /// Of a queue id: read these logs instead of the system's
    #[arg(long = "log", value_name = "FILE")]
    pub logs: Vec<PathBuf>,
    /// Of a message: take key records from this file, a name and a text on each line
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Of a message: ask no DNS, judge what needs no key
    #[arg(long)]
    pub offline: bool,
    /// The language; that of the locale unless given
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &ExplainArgs) -> ExitCode {
    let lang = args.lang.unwrap_or_else(Lang::of_locale);
    if args.codes {
        return codes(args, lang);
    }
    let Some(subject) = subject(args) else {
        let what = shown(&args.what.join(" "));
        let told = text!(
            "'{what}' is no address, no known log line, no queue id, no reason word, no reply and no \
             file; the options of `dkimd explain --help` say outright what it is"
        );
        eprintln!("dkimd: {}", told.to(lang));
        return ExitCode::DataError;
    };
    let answer = match subject {
        Subject::Author(author) => return author::run(args, &author),
        subject => explain(args, &subject),
    };
    match answer {
        Ok(answer) => tell(args, &answer, lang),
        Err(failure) => {
            failure.tell("dkimd");
            failure.code
        }
    }
}

/// What is asked about.
fn subject(args: &ExplainArgs) -> Option<Subject> {
    if let Some(line) = &args.line {
        return Some(Subject::Line(line.clone()));
    }
    if let Some(id) = &args.queue_id {
        return Some(Subject::QueueId(id.clone()));
    }
    if let Some(file) = &args.message {
        return Some(Subject::File(file.clone()));
    }
    if let Some(reply) = &args.reply {
        return Some(Subject::Reply(reply.clone()));
    }
    if let Some(author) = &args.author {
        return Some(Subject::Author(author.clone()));
    }
    // A line that was pasted without quotes comes as many words.
    Subject::recognise(&args.what.join(" "))
}

fn explain(args: &ExplainArgs, subject: &Subject) -> Result<Answer, Failure> {
    match subject {
        Subject::Input => {
            let text = lossy_text(io::stdin().lock(), MAX_INPUT_OCTETS).map_err(|error| {
                Failure::new(ExitCode::Unavailable, format!("standard input: {error}"))
            })?;
            Ok(of_lines(text.lines().take(MAX_LINES)))
        }
        Subject::Line(line) => Ok(of_lines(line.lines())),
        Subject::Word(word) => {
            let finding = words::explain(word, &words::Facts::default());
            Ok(Answer::of("word", word, finding.into_iter().collect()))
        }
        Subject::Reply(said) => Ok(Answer::of(
            "reply",
            said,
            vec![reply::explain(said).evidence(said.trim())],
        )),
        Subject::Results(text) => Ok(Answer::of("results", text, message::results::explain(text))),
        Subject::QueueId(id) => of_queue_id(args, id),
        Subject::File(file) => of_file(args, file),
        Subject::Author(_) => Ok(Answer::default()),
    }
}

/// At most so many octets as text; what is not UTF-8 is replaced.
fn lossy_text(input: impl Read, limit: u64) -> io::Result<String> {
    let mut octets = Vec::new();
    input.take(limit).read_to_end(&mut octets)?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// Each line explained; lines that say the same are told once.
fn of_lines<'t>(lines: impl Iterator<Item = &'t str>) -> Answer {
    let mut findings: Vec<Finding> = Vec::new();
    let mut first: Option<String> = None;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        // An old line of OpenDKIM may hold a password; it is not told again.
        let line = &*secret::line(log_line::bounded(line));
        first.get_or_insert_with(|| line.trim().to_owned());
        let Some(finding) = lines::explain(&LogLine::parse(line)) else {
            continue;
        };
        let known = findings
            .iter_mut()
            .find(|known| known.code == finding.code && known.what == finding.what);
        match known {
            Some(known) if known.evidence.len() < MAX_EVIDENCE => {
                known.evidence.push(line.trim().to_owned());
            }
            Some(_) => {}
            None => findings.push(finding.evidence(line.trim())),
        }
    }
    Answer::of("line", first.unwrap_or_default(), findings)
}

/// Lines shown as evidence of one finding.
const MAX_EVIDENCE: usize = 5;

/// Characters of what was asked that are shown again.
const MAX_SHOWN: usize = 300;

/// What was asked, as far as an error message repeats it: one line that can't steer the terminal.
fn shown(asked: &str) -> String {
    let asked = &*secret::line(asked);
    match asked.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", one_line(&asked[..end])),
        None => one_line(asked).into_owned(),
    }
}

fn of_queue_id(args: &ExplainArgs, id: &str) -> Result<Answer, Failure> {
    let gathered = queue::gather(id, &args.logs, syslog_name(args));
    if !gathered.lines.is_empty() || gathered.waiting.is_some() {
        return Ok(story::tell(id, &gathered));
    }
    let (logs, unreadable) = (
        gathered.looked_at.join(", "),
        gathered.unreadable.join("; "),
    );
    let lang = args.lang.unwrap_or_else(Lang::of_locale);
    if gathered.looked_at.is_empty() {
        let told =
            text!("no mail log can be read: {unreadable}; run it as root, or name one with --log");
        return Err(Failure::new(ExitCode::Unavailable, told.to(lang)));
    }
    let told = text!("no line about {id} in {logs}; older logs can be named with --log");
    Err(Failure::new(ExitCode::DataError, told.to(lang)))
}

/// The name that the configuration gives the milter in the log.
fn syslog_name(args: &ExplainArgs) -> Option<String> {
    let file = args.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let (snapshot, _) = Snapshot::load(Some(file), &Overrides::default());
    snapshot?.settings.logging.name
}

fn of_file(args: &ExplainArgs, file: &Path) -> Result<Answer, Failure> {
    let name = file.display().to_string();
    match message::read(file)? {
        message::Contents::Message(message) => message::explain(args, &message, &name),
        message::Contents::Text(text) => Ok(Answer {
            subject: name,
            ..of_lines(text.lines().take(MAX_LINES))
        }),
    }
}

fn tell(args: &ExplainArgs, answer: &Answer, lang: Lang) -> ExitCode {
    if answer.is_empty() {
        let subject = shown(&answer.subject);
        let told = text!("no program is known that writes this line: {subject}");
        eprintln!("dkimd: {}", told.to(lang));
        return ExitCode::DataError;
    }
    let mut out = io::stdout().lock();
    let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let style = Style {
        lang,
        colour,
        all: false,
    };
    let written = match args.json {
        true => answer.write_json(&mut out, lang),
        false => answer.write(&mut out, style),
    };
    match written {
        Err(_) => ExitCode::IoError,
        Ok(()) => answer.exit(),
    }
}

/// All reason words, each with its meaning in general.
fn codes(args: &ExplainArgs, lang: Lang) -> ExitCode {
    let findings: Vec<_> = words::all()
        .map(|known| (known.explain)(&words::Facts::default()))
        .collect();
    let mut out = io::stdout().lock();
    let written = match args.json {
        true => {
            let list = findings.iter().map(|finding| finding_json(finding, lang));
            let value = json!({
                "format": FORMAT,
                "command": "explain",
                "kind": "codes",
                "findings": list.collect::<Vec<_>>(),
            });
            writeln!(out, "{value:#}")
        }
        false => findings
            .iter()
            .try_for_each(|f| writeln!(out, "{:<26} {}", f.code, f.what.to(lang))),
    };
    match written {
        Err(_) => ExitCode::IoError,
        Ok(()) => ExitCode::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_may_hold_any_octets_and_is_bounded() {
        let text = lossy_text(&b"caf\xe9\nopendkim: not authenticated\n"[..], 100).unwrap();
        assert_eq!(text, "caf\u{fffd}\nopendkim: not authenticated\n");
        assert_eq!(of_lines(text.lines()).findings.len(), 1);
        let endless = lossy_text(io::repeat(b'x'), 100).unwrap();
        assert_eq!(endless.len(), 100);
    }

    #[test]
    fn what_was_not_understood_is_shown_harmless_and_short() {
        assert_eq!(shown("señal"), "señal");
        assert_eq!(shown("a\x1b[2J\u{9b}\n"), r"a\x1b[2J\u{9b}\x0a");
        assert_eq!(shown(&"ñ".repeat(MAX_SHOWN)), "ñ".repeat(MAX_SHOWN));
        let cut = shown(&"ñ".repeat(MAX_SHOWN + 1));
        assert_eq!(cut, format!("{}...", "ñ".repeat(MAX_SHOWN)));
    }
}
