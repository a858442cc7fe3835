//! The start as a story, and the end.
//!
//! 1. Load the configuration with all it names, as the starting user; tell every finding.
//! 2. Check what only a daemon needs: a socket, and a user that exists.
//! 3. Go to the background, if asked; the starter waits for step 12.
//! 4. Raise the limit of open files.
//! 5. Write the pid file, still as the starting user.
//! 6. With AutoRestart: become the supervisor, and go on in a worker.
//! 7. Open the log and the way to the service manager, while their paths can be reached.
//! 8. Read KeyFile, which the starting user alone may be able to read; change the root directory,
//!    if asked.
//! 9. Become the user of UserID, for good; no core dumps from here.
//! 10. Set the umask and start the runtime.
//! 11. Bind the socket, as the daemon's user, with the umask.
//! 12. Install the signal handlers, say ready, log the starting line.
//! 13. Serve until asked to stop; on the way, reload at once when asked.
//! 14. Remove the pid file, log the terminating line.
//!
//! A failure in any step ends the program with the exit code of [`ExitCode`] and one line that
//! says why; up to step 12 that line reaches whoever started it, in the background, too.

use std::{env, future, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    runtime::{self, Runtime},
    task::{JoinHandle, spawn_blocking},
};

use nix::unistd::{Pid, getpid};

use super::{
    answer::Reload,
    daemonize::{self, ReadyPipe},
    exit::{ExitCode, Failure},
    limits,
    pidfile::{PidFile, PidFileError},
    reload::{Keys, LOOK_AGAIN, Reloader},
    restart,
    signals::{self, Request, Signals, Stage, Stop, Stopper},
    surroundings,
    systemd::Notifier,
    user::Account,
};
use crate::{
    config::{
        load::{Doubt, Load, Watched},
        resolve::Overrides,
        settings::ProcessSettings,
        snapshot::Snapshot,
    },
    diagnostic::Diagnostic,
    log::{
        Level, Log, LogSettings,
        queue::{FLUSH_LIMIT, Queued},
        sink::{Both, Stderr, Syslog, stderr_is_terminal},
    },
    process::lines,
    socket::SocketSpec,
};

/// How long the end waits for loads and other work on files once nothing is served any more: a directory
/// that hangs must not hold it.
const LEFT_WORK: Duration = Duration::from_millis(200);

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Order {
    /// The name that messages begin with and that syslog shows.
    pub program: String,
    /// The arguments, for the starting line.
    pub args: Vec<String>,
    /// The configuration file; `None`: defaults alone. Absolute, so that a reload finds it after
    /// a change of directory.
    pub file: Option<PathBuf>,
    /// What the command line sets.
    pub overrides: Overrides,
    /// Where log lines go.
    pub log_to: LogTo,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard error, as service managers and containers expect.
    Stderr,
    /// As OpenDKIM: syslog. In the foreground standard error besides, if it is a terminal; if it
    /// is not and `Syslog` is off, errors and warnings go there.
    Syslog,
}

/// What the daemon does once all is prepared: the part that knows about mail.
pub trait Daemon {
    /// A bound socket.
    type Listener;

    /// What must be done while the process may still read what `user`, which it becomes, may not:
    /// warnings, or one line that says why there can be no start.
    fn prepare(&self, snapshot: &Snapshot, user: Option<u32>) -> Result<Vec<String>, String>;

    /// What reloads have to ask about keys.
    fn keys(&self) -> Arc<dyn Keys>;

    /// Binds the socket, inside the runtime. An error is one line: what is wrong, and the remedy.
    fn bind(
        &self,
        socket: Option<&SocketSpec>,
    ) -> impl Future<Output = Result<Self::Listener, String>>;

    /// Serves connections until `stop` says otherwise: at [`Stage::Drain`] it accepts no more and
    /// returns when the messages under way are finished. (At [`Stage::Now`] it is dropped.)
    fn serve(
        &self,
        listener: Self::Listener,
        configuration: Arc<Reloader>,
        stop: Stop,
    ) -> impl Future<Output = ()>;
}

/// Runs the daemon from its first step to its last; what went wrong has been told.
pub fn start(order: &Order, daemon: &impl Daemon) -> ExitCode {
    prepare(order, daemon).unwrap_or_else(|failure| {
        failure.tell(&order.program);
        failure.code
    })
}

/// Steps 1 to 6.
fn prepare(order: &Order, daemon: &impl Daemon) -> Result<ExitCode, Failure> {
    signals::hold_reload_signals();
    let (loaded, warnings) = load(order, None)?;
    let settings = &loaded.snapshot.settings;
    let process = under_service_manager(settings.process.clone());
    let logging = settings.logging.clone();
    if process.socket.is_none() && env::var_os("LISTEN_FDS").is_none() {
        return Err(Failure::new(
            ExitCode::Config,
            "milter socket must be specified; add a Socket line, \
             for instance: Socket local:/run/opendkim/opendkim.sock",
        ));
    }
    let account = process.user.as_deref().map(Account::find).transpose()?;
    let starter = match process.background {
        true => Some(daemonize::into_background()?),
        false => None,
    };
    let notifier = Notifier::from_environment();
    limits::raise_open_files();
    let log = open_log(order, &process, &logging);
    for warning in &warnings {
        match logging.syslog {
            true => log.line(Level::Warning, &lines::finding(warning)),
            false => eprintln!("{}: {}", order.program, lines::finding(warning)),
        }
    }
    let pid_file = write_pid_file(&process, account.as_ref(), log.as_ref())?;
    let worker = |loaded, ready: Vec<ReadyPipe>, pid_file, supervisor| {
        let worker = Worker {
            supervisor,
            order,
            daemon,
            process: &process,
            account: account.as_ref(),
            notifier: &notifier,
            log: Arc::clone(&log),
        };
        worker.run(loaded, ready, pid_file)
    };
    let Some(limits) = process.auto_restart else {
        return worker(loaded, starter.into_iter().collect(), pid_file, None);
    };

    let supervisor = getpid();
    let mut starter = starter;
    // The first worker takes what is loaded. A later one loads anew, so a crash after a reload
    // does not bring the old configuration back.
    let mut first = Some(loaded);
    let code = restart::supervise(
        limits,
        log.as_ref(),
        || {
            // A service manager by default listens to the process that it started, this one.
            notifier.ready();
            if let Some(starter) = starter.take() {
                starter.ready();
                let _ = daemonize::leave_terminal();
            }
        },
        |_, ready| {
            let run = || {
                let loaded = match first.take() {
                    Some(loaded) => loaded,
                    None => load(order, Some(log.as_ref()))?.0,
                };
                worker(loaded, vec![ready], None, Some(supervisor))
            };
            run().unwrap_or_else(|failure| {
                failure.tell(&order.program);
                failure.code
            })
        },
    )?;
    if let Some(pid_file) = pid_file {
        pid_file.remove();
    }
    Ok(code)
}

/// A service manager that waits to be told when the daemon is ready (`NOTIFY_SOCKET`) watches the
/// process it started and starts it again itself: no background, and no supervisor in between.
fn under_service_manager(process: ProcessSettings) -> ProcessSettings {
    match env::var_os("NOTIFY_SOCKET") {
        Some(_) => ProcessSettings {
            background: false,
            auto_restart: None,
            ..process
        },
        None => process,
    }
}

/// A configuration, and the files that it was loaded from.
struct Loaded {
    snapshot: Snapshot,
    files: Vec<Watched>,
    /// Files that were being written all the while.
    doubts: Vec<Doubt>,
}

/// Step 1: the snapshot with its warnings. Errors go to standard error, and to the log if it is
/// open already.
fn load(order: &Order, log: Option<&dyn Log>) -> Result<(Loaded, Vec<Diagnostic>), Failure> {
    let load = Load::steadily(order.file.as_deref(), &order.overrides, &[]);
    let doubts = load.doubts(&[]);
    let Load {
        snapshot,
        findings,
        files,
        ..
    } = load;
    if let Some(snapshot) = snapshot {
        let loaded = Loaded {
            snapshot,
            files,
            doubts,
        };
        return Ok((loaded, findings));
    }
    for error in findings.iter().filter(|finding| finding.is_error()) {
        eprintln!("{}: {}", order.program, lines::finding(error));
        if let Some(log) = log {
            log.line(Level::Err, &lines::finding(error));
        }
    }
    Err(Failure::told(ExitCode::Config))
}

/// Step 5.
fn write_pid_file(
    process: &ProcessSettings,
    account: Option<&Account>,
    log: &dyn Log,
) -> Result<Option<PidFile>, Failure> {
    let Some(path) = &process.pid_file else {
        return Ok(None);
    };
    match PidFile::write(path, account) {
        Ok(file) => Ok(Some(file)),
        Err(error @ PidFileError::Running { .. }) => {
            Err(Failure::new(ExitCode::Unavailable, error.to_string()))
        }
        Err(error @ PidFileError::Unwritable { .. }) => {
            log.line(Level::Err, &error.to_string());
            Ok(None)
        }
    }
}

/// Step 7 (the log is opened early: the supervisor writes there, too).
fn open_log(order: &Order, process: &ProcessSettings, logging: &LogSettings) -> Arc<dyn Log> {
    if order.log_to == LogTo::Stderr {
        return Arc::new(Stderr::new());
    }
    let syslog: Arc<dyn Log> = Arc::new(Syslog::open(logging, &order.program));
    if process.background {
        return syslog;
    }
    match (stderr_is_terminal(), logging.syslog) {
        (true, _) => Arc::new(Both(syslog, Arc::new(Stderr::new()))),
        (false, false) => Arc::new(Both(syslog, Arc::new(Stderr::from_level(Level::Warning)))),
        (false, true) => syslog,
    }
}

/// The process that serves: the only one, or the supervisor's child.
struct Worker<'a, D> {
    supervisor: Option<Pid>,
    order: &'a Order,
    daemon: &'a D,
    process: &'a ProcessSettings,
    account: Option<&'a Account>,
    notifier: &'a Notifier,
    log: Arc<dyn Log>,
}

impl<D: Daemon> Worker<'_, D> {
    /// Steps 7 to 14.
    fn run(
        &self,
        Loaded {
            snapshot,
            files,
            doubts,
        }: Loaded,
        ready: Vec<ReadyPipe>,
        pid_file: Option<PidFile>,
    ) -> Result<ExitCode, Failure> {
        let wants_log = snapshot.settings.logging.syslog;
        let log = Arc::new(Queued::start(Arc::clone(&self.log)).map_err(no_threads)?);
        let prepared = self.prepare(&snapshot, &*log);
        let reloader = Reloader::new(
            snapshot,
            files,
            self.order.file.clone(),
            self.order.overrides.clone(),
            Arc::clone(&log) as Arc<dyn Log>,
            self.daemon.keys(),
        );
        let reloader = Arc::new(reloader.begun_in_doubt(doubts));
        let ended = prepared
            .and_then(|()| self.confine())
            .and_then(|()| build_runtime())
            .and_then(|runtime| {
                let ended = runtime.block_on(self.live(reloader, ready, wants_log));
                runtime.shutdown_timeout(LEFT_WORK);
                ended
            });
        if let Some(pid_file) = pid_file {
            pid_file.remove();
        }
        let status = ended.as_ref().err().map_or(ExitCode::Ok, |f| f.code);
        if wants_log {
            if let Err(failure) = &ended {
                log.line(Level::Err, &failure.message);
            }
            log.line(Level::Info, &lines::terminating(status.number()));
        }
        let unwritten = log.flush(FLUSH_LIMIT);
        if unwritten > 0 {
            eprintln!(
                "{}: {unwritten} log lines not written: the log daemon hangs",
                self.order.program
            );
        }
        ended.map(|()| ExitCode::Ok)
    }

    /// Step 8, with the rights of the starting user.
    fn prepare(&self, snapshot: &Snapshot, log: &dyn Log) -> Result<(), Failure> {
        let user = self.account.map(|account| account.uid.as_raw());
        let warnings = self
            .daemon
            .prepare(snapshot, user)
            .map_err(|reason| Failure::new(ExitCode::Config, reason))?;
        for warning in warnings {
            log.line(Level::Warning, &warning);
        }
        Ok(())
    }

    /// Steps 8 to 10.
    fn confine(&self) -> Result<(), Failure> {
        if let Some(directory) = &self.process.change_root {
            if self.account.is_none() {
                self.log.line(
                    Level::Warning,
                    "ChangeRootDirectory without UserID: root can leave it again; add a UserID line",
                );
            }
            surroundings::change_root(directory)?;
        }
        if let Some(account) = self.account {
            account.assume()?;
        }
        if let Some(supervisor) = self.supervisor {
            restart::end_with(supervisor);
        }
        limits::set_core_dumps(self.process.core_dumps);
        if let Some(bits) = self.process.umask {
            surroundings::set_umask(bits);
        }
        Ok(())
    }

    /// Steps 11 to 13.
    async fn live(
        &self,
        reloader: Arc<Reloader>,
        ready: Vec<ReadyPipe>,
        wants_log: bool,
    ) -> Result<(), Failure> {
        let listener = self
            .daemon
            .bind(self.process.socket.as_ref())
            .await
            .map_err(|reason| Failure::new(ExitCode::Unavailable, reason))?;
        let signals = Signals::register().map_err(|error| {
            Failure::new(ExitCode::OsError, format!("signal handlers: {error}"))
        })?;
        if wants_log {
            let log = reloader.log();
            log.line(Level::Info, &lines::starting(&self.order.args));
            log.line(Level::Info, &lines::identity());
        }
        if self.process.background {
            // The last moment at which a message reaches the starter has passed.
            let _ = daemonize::leave_terminal();
        }
        self.notifier.ready();
        for pipe in ready {
            pipe.ready();
        }

        tell_of_keys(&reloader);
        let (stopper, stop) = Stopper::new();
        let serving = self.daemon.serve(listener, Arc::clone(&reloader), stop);
        tokio::select! {
            () = serving => {}
            () = self.obey(signals, &reloader, &stopper) => {}
            () = self.notifier.keep_alive() => {}
        }
        Ok(())
    }

    /// Carries out what signals ask for; returns when the daemon is to end without delay.
    async fn obey(&self, mut signals: Signals, reloader: &Arc<Reloader>, stopper: &Stopper) {
        let mut put_off = reloader.waits();
        // A load reads files and may take seconds; mail goes on meanwhile, and signals are heard.
        let mut load: Option<Loading> = None;
        let (mut asked_again, mut stopping) = (false, false);
        loop {
            tokio::select! {
                request = signals.next() => match request {
                    Request::Stop => {
                        stopping = true;
                        self.notifier.stopping();
                        if stopper.ask() == Stage::Now {
                            return;
                        }
                    }
                    // What is being loaded may have been read before it was written.
                    Request::Reload if load.is_some() => asked_again = true,
                    Request::Reload => load = Some(self.reload(reloader, stopping)),
                },
                outcome = ended(&mut load) => {
                    let was_asked = load.take().is_some_and(|load| load.was_asked);
                    if let Some(outcome) = outcome {
                        put_off = outcome == Reload::PutOff;
                        self.notifier.status(outcome.status());
                        if outcome == Reload::Done {
                            tell_of_keys(reloader);
                        }
                    }
                    if was_asked && !stopping {
                        self.notifier.ready();
                    }
                    if std::mem::take(&mut asked_again) {
                        load = Some(self.reload(reloader, stopping));
                    }
                }
                () = tokio::time::sleep(LOOK_AGAIN), if put_off && load.is_none() => {
                    let reloader = Arc::clone(reloader);
                    load = Some(Loading {
                        was_asked: false,
                        task: spawn_blocking(move || reloader.look_again()),
                    });
                }
            }
        }
    }

    fn reload(&self, reloader: &Arc<Reloader>, stopping: bool) -> Loading {
        if !stopping {
            self.notifier.reloading();
        }
        let reloader = Arc::clone(reloader);
        Loading {
            was_asked: true,
            task: spawn_blocking(move || Some(reloader.reload())),
        }
    }
}

/// A load under way.
struct Loading {
    /// By a signal.
    was_asked: bool,
    task: JoinHandle<Option<Reload>>,
}

/// Waits for the end of a load; without one for ever.
async fn ended(load: &mut Option<Loading>) -> Option<Reload> {
    match load {
        Some(load) => (&mut load.task).await.unwrap_or(Some(Reload::Kept)),
        None => future::pending().await,
    }
}

fn tell_of_keys(reloader: &Arc<Reloader>) {
    let reloader = Arc::clone(reloader);
    spawn_blocking(move || reloader.tell_of_keys());
}

fn build_runtime() -> Result<Runtime, Failure> {
    runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("dkimd")
        .build()
        .map_err(no_threads)
}

fn no_threads(error: std::io::Error) -> Failure {
    Failure::new(ExitCode::OsError, format!("starting threads: {error}"))
}
