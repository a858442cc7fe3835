//! What `setup` finds on the host before it plans anything.

use std::{
    fs, io,
    net::IpAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use nix::unistd::{Gid, Uid, User, geteuid};

use crate::{
    config::{
        parse::{self, WrittenOption},
        resolve::Overrides,
        settings::Settings,
        snapshot::Snapshot,
    },
    diagnostic::Diagnostic,
    dkim::name::{Domain, Selector},
    keys::accounts::{group_name, user_name},
    postfix::{Postfix, PostfixError, leaving::Leaving},
    process::user::Account,
    setup::services,
    text,
    text::Text,
    tools::configuration::DEFAULT_FILE,
};

/// The configuration for a host that has none, as the package brings it.
const TEMPLATE: &str = include_str!("../../packaging/opendkim.conf");
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

/// Why nothing can be planned.
#[derive(Debug)]
pub struct Refusal {
    /// What stands in the way, and what to do about it.
    pub text: Text,
    /// Findings of the configuration, untranslated.
    pub findings: Vec<String>,
}

impl Refusal {
    /// One without findings.
    pub fn new(text: Text) -> Self {
        Self {
            text,
            findings: Vec::new(),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::new(text!("{error}", "{error}"))
    }
}

impl Situation {
    /// Looks around; reads files and runs `postconf`.
    ///
    /// # Errors
    /// When the present configuration can't be built upon.
    pub fn look_around(wanted: &Wanted) -> Result<Self, Refusal> {
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
    match Postfix::read(directory) {
        Ok(postfix) => Ok(Some(postfix)),
        Err(PostfixError::NotInstalled(_)) => Ok(None),
        Err(error) => Err(Refusal::new(text!(
            "Postfix's settings can't be read ({error}). Mend that first, or leave Postfix alone \
             with --without-postfix.",
            "No se puede leer la configuración de Postfix ({error}). Corríjalo primero, o deje \
             Postfix como está con --without-postfix."
        ))),
    }
}

fn configuration(file: &Path, postfix: Option<&Postfix>) -> Result<Configuration, Refusal> {
    let template = match fs::symlink_metadata(file) {
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(filled_template(postfix)),
        Err(error) => return Err(error.into()),
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
             Remove it (the service is confined by systemd), or add the domain by hand.",
            "ChangeRootDirectory está definido: setup no sabe qué rutas se entienden dentro de ese \
             directorio. Quítelo (systemd ya confina el servicio) o añada el dominio a mano."
        )));
    }
    Ok(Configuration {
        file: file.to_owned(),
        template,
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
             dkimd check --config {file}",
            "La configuración actual {file} tiene errores. Corríjalos primero; con esto se ven: \
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
        Some(pid) => PathBuf::from(format!("/proc/{pid}/exe")),
        None if configuration.file == Path::new(DEFAULT_FILE) => PathBuf::from(USUAL_PROGRAM),
        None => return None,
    };
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
        Some(postfix) => postfix.queue_directory().join(super::socket::IN_QUEUE),
        None => PathBuf::from(super::socket::WITHOUT_POSTFIX),
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
                 /run/opendkim --no-create-home {name}",
                "UserID {user}: {failure}. Cree la cuenta: adduser --system --group --home \
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
