//! `dkimd doctor`: everything between this host and accepted mail, examined side by side.

use std::{
    env, fs,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;

use crate::{
    checks::{CHECKS, Check, Needs},
    examination::{Examination, Examined, Selection, Verdict, examine},
    host::{Host, ReadCommandLine, Wanted},
    render,
};
use dkim_core::name::Domain;
use dkimd_advice::{render::Style, text, text::Lang};
use dkimd_server::{config::DEFAULT_FILE, process::ExitCode};

/// Arguments of `dkimd doctor`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Run it as root: it then sees keys, queue and sockets as Postfix and the \
    server do; otherwise what takes those rights is told as not examined.\n\nExit codes: 0 \
    nothing is wrong with what was examined, 1 something should be mended or could not be \
    finished, 2 something must be mended, 3 nothing was examined, 64 wrong command line, 77 \
    nothing was examined for want of rights."
)]
pub struct DoctorArgs {
    /// The domains to examine; those of the configuration unless named
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// Configuration file of the server
    #[arg(short = 'x', long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,
    /// A message to look at: is its newsletter header complete, would it survive the way?
    #[arg(long, value_name = "FILE")]
    pub sample: Option<PathBuf>,
    /// Ask nobody: leave out every check that needs DNS or other servers
    #[arg(long)]
    pub offline: bool,
    /// Run these checks alone
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Leave these checks out
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// The language; that of the locale unless given
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
    /// Tell also what is fine or was left out
    #[arg(short, long)]
    pub verbose: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Examines and tells. `command_line` reads those of daemons that run.
pub fn run(args: &DoctorArgs, command_line: ReadCommandLine) -> ExitCode {
    let lang = args.lang.unwrap_or_else(Lang::of_locale);
    let (wanted, selection) = match wanted(args, command_line) {
        Ok(wanted) => wanted,
        Err((text, exit)) => {
            eprintln!("dkimd: {text}");
            return exit;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("dkimd: the operating system refuses an event queue: {error}");
            return ExitCode::OsError;
        }
    };
    let examination = match runtime.block_on(examined(wanted, &selection, lang)) {
        Ok(examination) => examination,
        Err(text) => {
            eprintln!("dkimd: {text}");
            return ExitCode::OsError;
        }
    };
    // A blocking system call of a check that ran out of its time must not hold the end up.
    runtime.shutdown_background();
    tell(args, &examination, lang)
}

async fn examined(
    wanted: Wanted,
    selection: &Selection,
    lang: Lang,
) -> Result<Examination, String> {
    let checks = selection.checks();
    let offline = wanted.offline;
    let host = Host::look_around(wanted).map_err(|error| error.to_string())?;
    if !offline {
        announce(&host, &checks, lang);
    }
    let mut progress = Progress::new(checks.len() + selection.causes().len());
    let examination = examine(&Arc::new(host), selection, |ended| {
        progress.step(ended, lang)
    })
    .await;
    progress.clear();
    Ok(examination)
}

/// Names who is asked, before anybody is.
fn announce(host: &Host, checks: &[&'static Check], lang: Lang) {
    let greetings = checks.iter().any(|check| check.needs == Needs::Greetings);
    let servers: Vec<_> = host
        .dns
        .iter()
        .flat_map(|dns| dns.servers())
        .map(ToString::to_string)
        .collect();
    let servers = servers.join(", ");
    let asked = text!("Asking DNS through {servers} and the domains' own name servers.");
    eprintln!("{}", asked.to(lang));
    if greetings {
        let providers = crate::checks::GREETED.join(", ");
        let greeted = text!(
            "Reading the SMTP greeting of a mail server of: {providers}. Nothing but a goodbye is sent there."
        );
        eprintln!("{}", greeted.to(lang));
    }
}

fn wanted(
    args: &DoctorArgs,
    command_line: ReadCommandLine,
) -> Result<(Wanted, Selection), (String, ExitCode)> {
    let domains: Result<Vec<_>, _> = args
        .domains
        .iter()
        .map(|text| {
            Domain::parse(text.trim_end_matches('.'))
                .map_err(|cause| (format!("the domain {text:?} {cause}"), ExitCode::Usage))
        })
        .collect();
    for name in args.only.iter().chain(&args.skip) {
        if !CHECKS.iter().any(|check| check.name == name) {
            let known: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
            let text = format!(
                "there is no check {name:?}; there are: {}",
                known.join(", ")
            );
            return Err((text, ExitCode::Usage));
        }
    }
    let sample = match &args.sample {
        None => None,
        Some(file) => Some(fs::read(file).map_err(|error| {
            let text = format!("{}: {error}", file.display());
            (text, ExitCode::Unavailable)
        })?),
    };
    let selection = Selection {
        only: args.only.clone(),
        skip: args.skip.clone(),
    };
    let wanted = Wanted {
        domains: domains?,
        config: args.config.clone(),
        command_line,
        offline: args.offline,
        sample,
    };
    Ok((wanted, selection))
}

fn tell(args: &DoctorArgs, examination: &Examination, lang: Lang) -> ExitCode {
    let mut out = io::stdout().lock();
    let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let written = match args.json {
        true => render::write_json(&mut out, examination, lang),
        false => render::write(
            &mut out,
            examination,
            Style {
                lang,
                colour,
                all: args.verbose,
            },
        ),
    };
    match (written, examination.verdict()) {
        (Err(_), _) => ExitCode::IoError,
        (Ok(()), Verdict::NotExamined) if examination.lacks_rights_alone() => {
            ExitCode::NoPermission
        }
        (Ok(()), Verdict::NotExamined) => ExitCode::NotExamined,
        (Ok(()), Verdict::Healthy) => ExitCode::Ok,
        (Ok(()), Verdict::Warned) => ExitCode::Failed,
        (Ok(()), Verdict::Failing) => ExitCode::Broken,
    }
}

/// How far it has come, on a terminal's standard error.
struct Progress {
    all: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self {
            all,
            done: 0,
            shown: io::stderr().is_terminal(),
        }
    }

    fn step(&mut self, ended: &Examined, lang: Lang) {
        self.done += 1;
        if self.shown {
            let title = &ended.check.title;
            eprint!("\r\x1b[K[{}/{}] {}", self.done, self.all, title.to(lang));
            let _ = io::stderr().flush();
        }
    }

    fn clear(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
            let _ = io::stderr().flush();
        }
    }
}
