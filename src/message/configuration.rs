//! The configuration that a command goes by where no daemon runs, with its findings on standard error.

use std::{future::Future, path::Path};

use dkimd_server::{
    config::{
        DEFAULT_FILE,
        resolve::Overrides,
        snapshot::{SigningIdentities, Snapshot},
    },
    keys::{accounts::Identity, error::KeyError},
    process::{ExitCode, user::Account},
    session::{holder::NotReady, signing::KeyFailure},
};

/// Loads `file`, or the default file; prints errors, not warnings (`dkimd check` shows those).
///
/// # Errors
/// The exit code, after everything was said.
pub fn load_or_report(file: Option<&Path>) -> Result<Snapshot, ExitCode> {
    load_for("dkimd", file)
}

/// Like [`load_or_report`], in the name of `program`.
///
/// # Errors
/// As there.
pub fn load_for(program: &str, file: Option<&Path>) -> Result<Snapshot, ExitCode> {
    let default = Path::new(DEFAULT_FILE);
    let file = file.or_else(|| default.exists().then_some(default));
    let (snapshot, diagnostics) = Snapshot::load(file, &Overrides::default());
    for diagnostic in diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
    {
        eprintln!("{program}: {diagnostic}");
    }
    snapshot.ok_or(ExitCode::Config)
}

/// Runs a future that, with compiled tables, never waits.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("the operating system refuses an event queue: {error}"),
    }
}

/// The user that the daemon runs as under this configuration: UserID, or whoever runs the tool.
/// Keys are judged for this user.
pub fn daemon_user(snapshot: &Snapshot) -> Identity {
    let user = snapshot.settings.process.user.as_deref();
    match user.map(Account::find) {
        Some(Ok(account)) => Identity::of_uid(account.uid.as_raw()),
        Some(Err(_)) | None => Identity::current(),
    }
}

/// What is known where this process, neither root's nor the daemon's, may not look at the key: which
/// signature it is for. `None` if the failure is the daemon's, too.
pub fn not_examined(snapshot: &Snapshot, failure: &KeyFailure<'_>) -> Option<String> {
    let NotReady::Key(KeyError::Unreadable(denied)) = &failure.error else {
        return None;
    };
    let stranger = denied
        .tried_by
        .as_ref()
        .is_some_and(|tried_by| tried_by.uid != 0);
    let rule = match snapshot.signing {
        SigningIdentities::Tables { .. } => "the SigningTable",
        SigningIdentities::Single { .. } | SigningIdentities::None => "Domain",
    };
    stranger.then(|| {
        format!(
            "{rule} leads to s={} d={}; not examined: whether the key in {} can be read, which only \
             root or the server's user {} can tell",
            failure.identity.selector,
            failure.identity.domain,
            denied.path.display(),
            denied.me.name
        )
    })
}
