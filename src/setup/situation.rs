//! What `setup` finds on the host before it plans anything.

use std::{
    fs,
    net::IpAddr,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use nix::unistd::{Gid, Uid, User, geteuid};

use super::{refusal::Refusal, services};
use dkim_core::name::{Domain, Selector};
use dkimd_advice::text;
use dkimd_hand::{Kind, Place, PlaceError};
use dkimd_postfix::{DEFAULT_DIRECTORY, Postfix, PostfixError, leaving::Leaving};
use dkimd_server::{
    config::{
        DEFAULT_FILE,
        parse::{self, WrittenOption},
        resolve::Overrides,
        settings::Settings,
        snapshot::Snapshot,
    },
    diagnostic::Diagnostic,
    keys::{
        accounts::{group_name, user_name},
        safe::shell_word,
    },
    process::user::Account,
};

/// The configuration for a host that has none, as the package brings it.
const TEMPLATE: &str = include_str!("../../packaging/opendkim.conf");
/// The socket inside Postfix's queue directory.
pub const IN_QUEUE: &str = "opendkim/opendkim.sock";
/// The socket where there is no Postfix.
pub const WITHOUT_POSTFIX: &str = "/run/opendkim/opendkim.sock";
/// What stands in it for the socket.
const TEMPLATE_SOCKET: &str = "@SOCKET@";
/// The root key that it names; not every system has it there.
const ROOT_KEY: &str = "/usr/share/dns/root.key";
/// The program that the service starts.
const USUAL_PROGRAM: &str = "/usr/sbin/opendkim";
/// The user that the daemon runs as unless UserID says otherwise.
const DAEMON_USER: &str = "opendkim";

/// What is wanted, from the command line.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The domain, in A-labels.
    pub domain: Domain,
    /// The selector of the RSA key.
    pub selector: Option<Selector>,
    /// The name of this host in mail.
    pub hostname: Option<Domain>,
    /// The addresses that mail leaves from, as the internet sees them.
    pub addresses: Vec<IpAddr>,
    /// Which keys; `None`: both, unless something speaks against it.
    pub keys: Option<Keys>,
    /// The server's configuration.
    pub config: PathBuf,
    /// Where new keys go.
    pub key_directory: Option<PathBuf>,
    /// Where new tables go.
    pub table_directory: Option<PathBuf>,
    /// Postfix's configuration directory where it is not the usual one.
    pub postfix_directory: Option<PathBuf>,
    /// Postfix is left alone.
    pub without_postfix: bool,
    /// New keys sign at once, whatever DNS says of their records.
    pub sign_now: bool,
}

/// Which keys a domain gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Keys {
    /// RSA and Ed25519, side by side
    Both,
    /// RSA alone
    Rsa,
}

/// What is there.
#[derive(Debug)]
pub struct Situation {
    /// The server's configuration: what is or will be in the file.
    pub configuration: Configuration,
    /// Who the daemon runs as.
    pub daemon: DaemonUser,
    /// Postfix; `None`: not there, or to be left alone.
    pub postfix: Option<Postfix>,
    /// The addresses that mail leaves from.
    pub leaving: Leaving,
    /// The original OpenDKIM where that is the daemon; it can't sign with two kinds of key.
    pub original: Option<PathBuf>,
}

/// The server's configuration.
#[derive(Debug)]
pub struct Configuration {
    /// The file.
    pub file: PathBuf,
    /// Its content where it is yet to be made.
    pub template: Option<String>,
    /// All options, in order.
    pub written: Vec<WrittenOption>,
    /// What they mean. A server that only verifies is looked at as if it signed, too.
    pub snapshot: Snapshot,
    /// Whether it signs by its Mode.
    pub signs: bool,
    /// Those of its files that others than root can change, and who.
    pub of_others: Vec<(PathBuf, String)>,
}

impl Configuration {
    /// The typed settings.
    pub fn settings(&self) -> &Settings {
        &self.snapshot.settings
    }

    /// Whether an option is written anywhere.
    pub fn has(&self, name: &str) -> bool {
        self.written.iter().any(|option| option.name == name)
    }
}

/// The user that the daemon runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonUser {
    /// Login name.
    pub name: String,
    /// Group name.
    pub group: String,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
}

impl Situation {
    /// Looks around; reads files and runs `postconf`.
    ///
    /// # Errors
    /// When the present configuration can't be built upon.
    pub fn look_around(wanted: &Wanted) -> Result<Self, Refusal> {
        dkimd_hand::read_by_hand();
        let postfix = match wanted.without_postfix {
            true => None,
            false => postfix(wanted.postfix_directory.as_deref())?,
        };
        let configuration = configuration(&wanted.config, postfix.as_ref())?;
        let daemon = daemon_user(configuration.settings())?;
        Ok(Self {
            leaving: Leaving::of(postfix.as_ref()),
            original: original(&configuration),
            configuration,
            daemon,
            postfix,
        })
    }
}

fn postfix(directory: Option<&Path>) -> Result<Option<Postfix>, Refusal> {
    for name in ["main.cf", "master.cf"] {
        of_root(&directory.unwrap_or(Path::new(DEFAULT_DIRECTORY)).join(name))?;
    }
    match Postfix::read(directory) {
        Ok(postfix) => Ok(Some(postfix)),
        Err(PostfixError::NotInstalled(_)) => Ok(None),
        Err(error) => Err(Refusal::new(text!(
            "Postfix's settings can't be read ({error}). Mend that first, or leave Postfix alone \
             with --without-postfix."
        ))),
    }
}

/// Refuses a file that Postfix's programs, which run with our rights, could be led astray by.
fn of_root(file: &Path) -> Result<(), Refusal> {
    let place = Place::find(file)?;
    let found = place.look()?;
    if let Some(owner) = place.owner() {
        let (shown, user) = (place.path().display(), &owner.name);
        let directory = shell_word(&owner.directory.to_string_lossy());
        return Err(Refusal::new(text!(
            "{shown} is where user {user} can change it, though Postfix runs as root by what it says. \
             Make it root's: chown -R root {directory}; or leave Postfix alone with --without-postfix."
        )));
    }
    match found {
        Some(found) if found.kind != Kind::File => Err(PlaceError::Other {
            path: place.path().to_owned(),
            kind: found.kind,
            owner: user_name(found.attributes.owner),
        }
        .into()),
        _ => Ok(()),
    }
}

fn configuration(file: &Path, postfix: Option<&Postfix>) -> Result<Configuration, Refusal> {
    let template = match Place::find(file)?.look()? {
        Some(_) => None,
        None => Some(filled_template(postfix)),
    };
    let (written, findings) = match &template {
        Some(text) => parse::parse(text, file),
        None => parse::read(file),
    };
    let (snapshot, findings) =
        Snapshot::of_written(&written, findings.clone(), &Overrides::default());
    let Some(snapshot) = snapshot else {
        return Err(broken(file, &findings));
    };
    let signs = snapshot.settings.decision.mode.sign;
    let snapshot = match signs {
        true => snapshot,
        false => {
            let signing = Overrides {
                options: vec![("Mode", "sv".to_owned())],
            };
            let (snapshot, findings) = Snapshot::of_written(&written, Vec::new(), &signing);
            snapshot.ok_or_else(|| broken(file, &findings))?
        }
    };
    if snapshot.settings.process.change_root.is_some() {
        return Err(Refusal::new(text!(
            "ChangeRootDirectory is set: setup does not know which paths are meant inside of it. \
             Remove it (the service is confined by systemd), or add the domain by hand."
        )));
    }
    let mut of_others = Vec::new();
    let mut files: Vec<&Path> = written.iter().map(|option| &*option.file).collect();
    files.push(file);
    files.dedup();
    for file in files {
        if let Some(user) = dkimd_hand::author(file)? {
            of_others.push((dkimd_hand::resolved(file), user));
        }
    }
    Ok(Configuration {
        file: file.to_owned(),
        template,
        of_others,
        written,
        snapshot,
        signs,
    })
}

fn broken(file: &Path, findings: &[Diagnostic]) -> Refusal {
    let file = file.display();
    Refusal {
        text: text!(
            "The present configuration {file} has errors. Mend them first; this shows them: \
             dkimd check --config {file}"
        ),
        findings: findings
            .iter()
            .filter(|finding| finding.is_error())
            .map(ToString::to_string)
            .collect(),
    }
}

/// The original OpenDKIM, if that is what runs with this configuration, or would be started by the
/// usual name.
fn original(configuration: &Configuration) -> Option<PathBuf> {
    let pid_file = configuration.settings().process.pid_file.as_deref();
    let program = match pid_file.and_then(services::running) {
        Some(pid) => fs::read_link(format!("/proc/{pid}/exe")).ok()?,
        None if configuration.file == Path::new(DEFAULT_FILE) => PathBuf::from(USUAL_PROGRAM),
        None => return None,
    };
    // Whoever runs as that process chose its program; only one of the system's is run here.
    let found = fs::metadata(&program).ok()?;
    let of_system = found.uid() == 0 && found.mode() & 0o022 == 0;
    let named = program.file_name().and_then(|name| name.to_str());
    if !of_system
        || !named.is_some_and(|name| services::NAMES.contains(&name))
        || !matches!(dkimd_hand::author(&program), Ok(None))
    {
        return None;
    }
    let told = Command::new(&program)
        .arg0("opendkim")
        .arg("-V")
        .output()
        .ok()?;
    let version = String::from_utf8_lossy(&told.stdout).into_owned();
    let is_original = version.contains("OpenDKIM") && !version.contains("dkimd");
    is_original.then(|| fs::canonicalize(&program).unwrap_or(program))
}

fn filled_template(postfix: Option<&Postfix>) -> String {
    let socket = match postfix {
        Some(postfix) => postfix.queue_directory().join(IN_QUEUE),
        None => PathBuf::from(WITHOUT_POSTFIX),
    };
    let text = TEMPLATE.replace(TEMPLATE_SOCKET, &socket.display().to_string());
    if Path::new(ROOT_KEY).exists() {
        return text;
    }
    let kept = text.lines().filter(|line| !line.contains(ROOT_KEY));
    kept.map(|line| format!("{line}\n")).collect()
}

fn daemon_user(settings: &Settings) -> Result<DaemonUser, Refusal> {
    let of_numbers = |uid: u32, gid: u32| DaemonUser {
        name: user_name(uid),
        group: group_name(gid),
        uid,
        gid,
    };
    if let Some(user) = settings.process.user.as_deref() {
        let name = user.split(':').next().unwrap_or(user);
        let account = Account::find(user).map_err(|failure| {
            Refusal::new(text!(
                "UserID {user}: {failure}. Make the account: adduser --system --group --home \
                 /run/opendkim --no-create-home {name}"
            ))
        })?;
        return Ok(of_numbers(account.uid.as_raw(), account.gid.as_raw()));
    }
    // The service manager sets the user, and the packaged unit sets this one.
    if let Ok(Some(user)) = User::from_name(DAEMON_USER) {
        return Ok(of_numbers(user.uid.as_raw(), user.gid.as_raw()));
    }
    let me = User::from_uid(geteuid()).ok().flatten();
    let (uid, gid) = me.map_or((Uid::from_raw(0), Gid::from_raw(0)), |me| (me.uid, me.gid));
    Ok(of_numbers(uid.as_raw(), gid.as_raw()))
}
