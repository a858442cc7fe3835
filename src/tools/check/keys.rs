//! Every key of the configuration, read and judged on all cores.

use std::{
    collections::HashSet,
    io::{self, IsTerminal, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use dkimd_server::{
    config::snapshot::{NamedKey, Snapshot},
    dataset::open::push_bounded,
    diagnostic::Diagnostic,
    keys::{KeySource, accounts::Identity, check::check_key},
    process::user::Account,
    secret,
    session::holder::key_rules,
};

/// Keys handed to a thread at once.
const BATCH: usize = 64;

/// Batches that wait for a thread.
const BATCHES_WAITING: usize = 16;

/// How often a terminal is shown how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

type Batch<'a> = Vec<(usize, KeySource, NamedKey<'a>)>;

/// What is wrong with the keys, judged for `account` (`None`: for the user that this runs as), in
/// the order of the KeyTable. A key that several entries name is told once, at the first.
pub(super) fn check(snapshot: &Snapshot, account: Option<&Account>) -> Vec<Diagnostic> {
    let me = match account {
        Some(account) => Identity::of_uid(account.uid.as_raw()),
        None => Identity::current(),
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = sync_channel(BATCHES_WAITING);
    let receiver = Mutex::new(receiver);
    let done = AtomicUsize::new(0);
    let mut found: Vec<(usize, Diagnostic)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| judge_all(snapshot, &receiver, &me, &done)))
            .collect();
        let mut progress = Progress::new();
        let mut seen = HashSet::new();
        let mut batch = Batch::new();
        for (number, mut named) in snapshot.keys().enumerate() {
            let Some(source) = named.key.take() else {
                continue;
            };
            if !seen.insert(source.clone()) {
                continue;
            }
            batch.push((number, source, named));
            if batch.len() == BATCH {
                // The threads live as long as there is a sender, so somebody takes it.
                let _ = sender.send(std::mem::take(&mut batch));
                progress.show(&done);
            }
        }
        let _ = sender.send(batch);
        drop(sender);
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(1));
            progress.show(&done);
        }
        progress.clear();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    found.sort_by_key(|(number, _)| *number);
    let mut findings = Vec::new();
    push_bounded(&mut findings, found.into_iter().map(|(_, finding)| finding));
    findings
}

fn judge_all(
    snapshot: &Snapshot,
    batches: &Mutex<Receiver<Batch<'_>>>,
    me: &Identity,
    done: &AtomicUsize,
) -> Vec<(usize, Diagnostic)> {
    let rules = key_rules(snapshot);
    let mut found = Vec::new();
    loop {
        let next = batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(batch) = next else { return found };
        for (number, source, named) in batch {
            let purpose = snapshot.purpose(&named);
            let findings = check_key(&source, purpose.as_ref(), rules, me).findings;
            found.extend(findings.into_iter().map(|f| (number, at(f, &named))));
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The finding where the key is named: its own text tells the key file.
fn at(mut finding: Diagnostic, named: &NamedKey<'_>) -> Diagnostic {
    finding.what = format!("key {}: {}", secret::line(named.name), finding.what);
    match named.file {
        Some(file) => finding.at(file, named.line),
        None => finding,
    }
}

/// How far the check has come, on standard error if a person watches.
struct Progress {
    shown: Option<Instant>,
    terminal: bool,
    begun: Instant,
}

impl Progress {
    fn new() -> Self {
        Self {
            shown: None,
            terminal: io::stderr().is_terminal(),
            begun: Instant::now(),
        }
    }

    fn show(&mut self, done: &AtomicUsize) {
        let last = self.shown.unwrap_or(self.begun);
        if self.terminal && last.elapsed() >= PROGRESS_EVERY {
            self.shown = Some(Instant::now());
            eprint!("\rkeys checked: {}", done.load(Ordering::Relaxed));
            let _ = io::stderr().flush();
        }
    }

    fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
