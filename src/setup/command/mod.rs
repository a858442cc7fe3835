//! `dkimd setup`: one domain from nothing to signed mail, planned, done or taken back.

mod json;
mod print;
mod undo;

use std::{
    io,
    net::IpAddr,
    path::{self, PathBuf},
};

use clap::{Args, ValueEnum};
use nix::unistd::geteuid;

use crate::{
    apply::{ApplyError, Work},
    draft::Step,
    journal::{self, Journal},
    mta,
    plan::{Plan, plan},
    publication::{Dns, Held},
    published::published,
    records::{
        Record, State,
        sheet::{Published, Sheet, Subject, sheet},
    },
    refusal::Refusal,
    services::{self, Told},
    situation::{Keys, Situation, Wanted},
};
use dkim_core::name::{Domain, Selector};
use dkimd_advice::{
    text,
    text::{Lang, Text},
};
use dkimd_milter::socket::SocketSpec;
use dkimd_server::{
    config::DEFAULT_FILE, dns::name::to_a_labels, process::ExitCode, session::holder::key_rules,
};

/// Arguments of `dkimd setup`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Without --apply it shows what it would do and changes nothing. Run it as \
    root.\n\nExamples:\n  dkimd setup example.com\n  dkimd setup example.com --apply\n  dkimd setup \
    example.com --hostname mail.example.com --ip 203.0.113.10 --apply\n  dkimd setup example.com \
    --undo --apply\n\nExit codes: 0 planned, done, or nothing to do; 1 something was changed since and \
    can't be taken back; 64 wrong command line; 74 a change failed; 77 not root; 78 the present \
    configuration can't be extended."
)]
pub struct SetupArgs {
    /// The domain whose mail is to be signed; with --undo alone: any
    #[arg(required_unless_present = "undo")]
    pub domain: Option<String>,
    /// Selector of the RSA key (that of the present key, or mail); for a domain that signs already
    /// another one changes its keys, once the records of the new ones are published
    #[arg(short, long)]
    pub selector: Option<String>,
    /// The name of this mail server in DNS; that of Postfix unless given
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// An address that mail leaves from, as the internet sees it; found out unless given
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Vec<IpAddr>,
    /// Do it
    #[arg(long)]
    pub apply: bool,
    /// Show how the last run (for the domain) would be taken back; with --apply do it. Keys stay
    #[arg(long)]
    pub undo: bool,
    /// With --undo: every run
    #[arg(long, requires = "undo")]
    pub all: bool,
    /// Let new keys sign at once, whatever DNS says of their records
    #[arg(long, conflicts_with = "undo")]
    pub sign_now: bool,
    /// Which keys; both, unless the daemon or a relay can't take two signatures
    #[arg(long, value_enum)]
    pub keys: Option<Keys>,
    /// The form of the DNS records
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::All)]
    pub records: Form,
    /// Don't ask DNS what is published
    #[arg(long)]
    pub offline: bool,
    /// The language; that of the locale unless given
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Configuration file of the server
    #[arg(short = 'x', long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,
    /// Where a new key goes; where the others are, or /etc/dkimkeys
    #[arg(long, value_name = "DIR")]
    pub key_directory: Option<PathBuf>,
    /// Where new tables go; the directory opendkim beside the configuration
    #[arg(long, value_name = "DIR")]
    pub table_directory: Option<PathBuf>,
    /// Postfix's configuration directory; --undo takes it from the journal
    #[arg(long, value_name = "DIR")]
    pub postfix_config: Option<PathBuf>,
    /// Leave Postfix alone
    #[arg(long, conflicts_with = "postfix_config")]
    pub without_postfix: bool,
    /// Don't tell the running services; print the commands that do
    #[arg(long)]
    pub no_reload: bool,
    /// Where it is written down what was changed
    #[arg(long, value_name = "DIR", default_value = journal::DEFAULT_DIRECTORY)]
    pub journal: PathBuf,
}

/// How DNS records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a zone file
    Zone,
    /// For a web panel
    Lines,
    /// Input for nsupdate
    Nsupdate,
    /// One after the other
    All,
}

/// What was done, for people and for programs.
struct Account {
    /// The command line.
    command: String,
    /// The domain, in A-labels.
    domain: String,
    hostname: String,
    /// Whether `--apply` was given.
    applied: bool,
    /// Steps: planned, or done.
    steps: Vec<Step>,
    notes: Vec<Text>,
    /// Services that were told.
    told: Vec<Told>,
    /// The keys without a public half: they are made by `--apply`.
    keys_to_make: usize,
    /// Whether new keys wait for their records.
    waiting: bool,
    /// Whether DNS was asked.
    asked: bool,
    sheet: Sheet,
}

/// Why it ends early: what to tell, and the exit code.
struct End {
    text: Text,
    details: Vec<String>,
    code: ExitCode,
}

impl End {
    fn new(code: ExitCode, text: Text) -> Self {
        Self {
            text,
            details: Vec::new(),
            code,
        }
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self {
            text: refusal.text,
            details: refusal.findings,
            code: ExitCode::Config,
        }
    }
}

/// Plans, applies or undoes.
pub fn run(args: &SetupArgs) -> ExitCode {
    let lang = args.lang.unwrap_or_else(Lang::of_locale);
    let args = match absolute(args) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("dkimd setup: {error}");
            return ExitCode::OsError;
        }
    };
    match act(&args, lang) {
        Ok(code) => code,
        Err(end) => {
            eprintln!("dkimd setup: {}", end.text.to(lang));
            for detail in end.details {
                eprintln!("  {detail}");
            }
            end.code
        }
    }
}

/// Paths that mean the same wherever a later run begins, and can stand in tables.
fn absolute(args: &SetupArgs) -> io::Result<SetupArgs> {
    let option = |path: &Option<PathBuf>| path.as_ref().map(path::absolute).transpose();
    Ok(SetupArgs {
        config: path::absolute(&args.config)?,
        journal: path::absolute(&args.journal)?,
        key_directory: option(&args.key_directory)?,
        table_directory: option(&args.table_directory)?,
        postfix_config: option(&args.postfix_config)?,
        ..args.clone()
    })
}

fn act(args: &SetupArgs, lang: Lang) -> Result<ExitCode, End> {
    let domain = args.domain.as_deref().map(name).transpose()?;
    let Some(domain) = domain.filter(|_| !args.undo) else {
        let domain = args.domain.as_deref().map(name).transpose()?;
        return undo::run(args, domain.as_ref().map(Domain::as_str), lang);
    };
    let wanted = wanted(args, domain)?;
    let account = match args.apply {
        true => applied(args, &wanted, lang)?,
        false => planned(args, &wanted, lang)?,
    };
    let written = match args.json {
        true => json::print(&account, lang),
        false => print::account(&account, args.records, lang),
    };
    let failed = account.told.iter().any(Told::is_failed);
    Ok(match (written, failed) {
        (Err(_), _) | (_, true) => ExitCode::IoError,
        (Ok(()), false) => ExitCode::Ok,
    })
}

/// A full name, in A-labels and lower case.
fn name(name: &str) -> Result<Domain, End> {
    let wrong = |cause: String| End::new(ExitCode::Usage, text!("the name {name:?} {cause}"));
    let ascii = to_a_labels(name).map_err(|cause| wrong(cause.to_string()))?;
    let parsed =
        Domain::parse(&ascii.to_ascii_lowercase()).map_err(|cause| wrong(cause.to_string()))?;
    match parsed.as_str().contains('.') {
        true => Ok(parsed),
        false => Err(End::new(
            ExitCode::Usage,
            text!("{name} is not a full name; write for instance {name}.com"),
        )),
    }
}

fn wanted(args: &SetupArgs, domain: Domain) -> Result<Wanted, End> {
    let selector = args.selector.as_deref().map(|text| {
        Selector::parse(text)
            .map_err(|cause| End::new(ExitCode::Usage, text!("the selector {text:?} {cause}")))
    });
    Ok(Wanted {
        domain,
        selector: selector.transpose()?,
        hostname: args.hostname.as_deref().map(name).transpose()?,
        addresses: args.ip.clone(),
        keys: args.keys,
        config: args.config.clone(),
        key_directory: args.key_directory.clone(),
        table_directory: args.table_directory.clone(),
        postfix_directory: args.postfix_config.clone(),
        without_postfix: args.without_postfix,
        sign_now: args.sign_now,
    })
}

/// The command line as it was typed, without the words that a later run has of its own.
fn command_line() -> String {
    const OF_THIS_RUN: [&str; 3] = ["--apply", "--offline", "--sign-now"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    let words = std::env::args()
        .skip(1)
        .filter(|word| !OF_THIS_RUN.contains(&word.as_str()))
        .map(|word| match word.is_empty() || !word.chars().all(plain) {
            true => format!("'{}'", word.replace('\'', "'\\''")),
            false => word,
        });
    let words: Vec<_> = words.collect();
    format!("dkimd {}", words.join(" "))
}

fn planned(args: &SetupArgs, wanted: &Wanted, lang: Lang) -> Result<Account, End> {
    let situation = Situation::look_around(wanted)?;
    let dns = dns(args, &situation, lang)?;
    let mut plan = plan(wanted, &situation, &|name| held(dns.as_ref(), name))?;
    let steps = std::mem::take(&mut plan.steps);
    finish(args, wanted, &situation, plan, steps, Vec::new(), dns)
}

fn applied(args: &SetupArgs, wanted: &Wanted, lang: Lang) -> Result<Account, End> {
    let journal = open_journal(args)?;
    let situation = Situation::look_around(wanted)?;
    let dns = dns(args, &situation, lang)?;
    let mut plan = plan(wanted, &situation, &|name| held(dns.as_ref(), name))?;
    let daemon = situation.daemon.uid;
    if !geteuid().is_root() && geteuid().as_raw() != daemon {
        return Err(not_root(args));
    }
    let mut work = Work::begin(&mut plan, wanted, &journal)
        .map_err(|error| failed(&error, &[], &[], args, lang))?;
    let told = carry_out(args, &situation, &plan, &mut work)
        .map_err(|error| failed(&error, work.done(), work.left(), args, lang))?;
    let steps = work.done().to_vec();
    if work.touches_postfix() && !told.iter().any(Told::is_failed) {
        plan.notes.extend(mail_waits(&plan.endpoint.socket));
    }
    finish(args, wanted, &situation, plan, steps, told, dns)
}

/// That Postfix has nobody to ask, if so: it reads its new lines whenever it starts a process.
fn mail_waits(socket: &SocketSpec) -> Option<Text> {
    (!services::connects(socket)).then(|| {
        text!(
            "Nobody listens at {socket} yet, and Postfix puts mail off until somebody does: start \
             the daemon now."
        )
    })
}

/// Makes the changes and tells the services, the daemon first: Postfix must never look for a
/// daemon that is not there yet.
fn carry_out(
    args: &SetupArgs,
    situation: &Situation,
    plan: &Plan,
    work: &mut Work,
) -> Result<Vec<Told>, ApplyError> {
    let configuration = &situation.configuration;
    let mut told = Vec::new();
    work.for_daemon(situation.daemon.uid, key_rules(&configuration.snapshot))?;
    if work.touches_daemon() {
        let restart = plan.endpoint.restart || configuration.template.is_some();
        let process = &configuration.settings().process;
        told.push(match args.no_reload {
            true => Told::ToDo(services::daemon_command(&args.config, restart)),
            false => services::daemon(
                &args.config,
                process.pid_file.as_deref(),
                &plan.endpoint.socket,
                restart,
            ),
        });
    }
    if told.iter().any(Told::is_failed) {
        return Ok(told);
    }
    work.for_postfix()?;
    if let Some(postfix) = situation
        .postfix
        .as_ref()
        .filter(|_| work.touches_postfix())
    {
        let daemon_runs = told.iter().all(Told::is_done);
        told.push(match args.no_reload || !daemon_runs {
            true => Told::ToDo(services::postfix_command(&postfix.directory, "reload")),
            false => services::postfix(&postfix.directory),
        });
    }
    Ok(told)
}

fn finish(
    args: &SetupArgs,
    wanted: &Wanted,
    situation: &Situation,
    plan: Plan,
    steps: Vec<Step>,
    told: Vec<Told>,
    dns: Option<Dns>,
) -> Result<Account, End> {
    let (addresses, private) = mta::addresses(wanted, situation);
    let relay = situation
        .postfix
        .as_ref()
        .map(|postfix| postfix.main.value("relayhost").to_owned())
        .filter(|relay| !relay.is_empty());
    let keys = plan.signing.keys.iter().filter_map(|key| {
        let public = key.public.as_ref()?;
        Some((key.selector.clone(), public.kind, public.public.clone()))
    });
    let subject = Subject {
        domain: wanted.domain.as_str().to_owned(),
        hostname: plan.hostname.clone(),
        addresses,
        relay,
        keys: keys.collect(),
    };
    let asked = dns.is_some();
    let published = match dns {
        None => Published::default(),
        Some(dns) => {
            let found = dns.block_on(published(&subject, dns.questions()));
            dns.end();
            found
        }
    };
    let mut notes = plan.notes;
    if !private.is_empty() {
        let private: Vec<_> = private.iter().map(ToString::to_string).collect();
        let private = private.join(", ");
        notes.push(text!(
            "This host sends from the private address {private}; the internet sees another one. \
             Name it: --ip ADDRESS"
        ));
    }
    let sheet = sheet(&subject, &published);
    notes.extend(unknown(&sheet, asked));
    Ok(Account {
        command: command_line(),
        domain: subject.domain.clone(),
        hostname: plan.hostname,
        applied: args.apply,
        steps,
        notes,
        told,
        keys_to_make: plan.signing.keys.len() - subject.keys.len(),
        waiting: !plan.signing.waiting.is_empty(),
        asked,
        sheet,
    })
}

/// That some of the records may be published already, where nobody knows.
fn unknown(sheet: &Sheet, asked: bool) -> Option<Text> {
    let unknown = |record: &&Record| record.state == State::Unknown;
    let names = sheet.records.iter().filter(unknown);
    let names = names.map(|record| format!("{} {}", record.name, record.data.kind()));
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return None;
    }
    Some(match asked {
        false => text!(
            "DNS was not asked (--offline): publish only what is not there yet; a second v=spf1 or \
             v=DMARC1 record makes both invalid."
        ),
        true => text!(
            "DNS gave no answer about {names}: publish of these only what is not there yet; a second \
             v=spf1 or v=DMARC1 record makes both invalid."
        ),
    })
}

/// DNS, unless it is not to be asked.
fn dns(args: &SetupArgs, situation: &Situation, lang: Lang) -> Result<Option<Dns>, End> {
    if args.offline {
        return Ok(None);
    }
    let dns = Dns::new(&situation.configuration.snapshot).map_err(|error| {
        End::new(
            ExitCode::OsError,
            text!("the operating system refuses: {error}"),
        )
    })?;
    let servers = dns.questions().servers().iter().map(ToString::to_string);
    let servers = servers.collect::<Vec<_>>().join(", ");
    let asked = text!("Asking DNS through {servers} what is published.");
    eprintln!("{}", asked.to(lang));
    Ok(Some(dns))
}

fn held(dns: Option<&Dns>, name: &str) -> Held {
    dns.map_or(Held::NotAsked, |dns| dns.held(name))
}

fn open_journal(args: &SetupArgs) -> Result<Journal, End> {
    Journal::open(&args.journal).map_err(|error| {
        let denied = matches!(&error, journal::JournalError::System { cause, .. }
            if cause.kind() == io::ErrorKind::PermissionDenied);
        match denied && !geteuid().is_root() {
            true => not_root(args),
            false => End::new(ExitCode::IoError, text!("{error}")),
        }
    })
}

fn not_root(args: &SetupArgs) -> End {
    let domain = args.domain.as_deref().unwrap_or_default();
    let option = match (args.undo, args.apply) {
        (true, true) => "--undo --apply",
        (true, false) => "--undo",
        (false, _) => "--apply",
    };
    End::new(
        ExitCode::NoPermission,
        text!("only root may change keys and services: sudo dkimd setup {domain} {option}"),
    )
}

/// What was done, what was not, and how to go on.
fn failed(error: &ApplyError, done: &[Step], left: &[Step], args: &SetupArgs, lang: Lang) -> End {
    let domain = args.domain.as_deref().unwrap_or_default();
    let mut details = Vec::new();
    let done_word = text!("done");
    let left_word = text!("not done");
    for (word, steps) in [(done_word, done), (left_word, left)] {
        for step in steps {
            details.push(format!("{}: {}", word.to(lang), step.words.what.to(lang)));
        }
    }
    let text = match done.is_empty() {
        true => text!("{error}. Nothing was changed."),
        false => text!(
            "{error}. To go on, mend that and run the same command again; to take it back: \
             dkimd setup {domain} --undo --apply"
        ),
    };
    End {
        text,
        details,
        code: ExitCode::IoError,
    }
}
