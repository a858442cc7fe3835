//! Between those who log and a sink that may wait: a bounded queue and one thread that writes.
//!
//! A log daemon that hangs must not stop mail. Lines that find the queue full are lost, but never
//! silently: how many is the next line written. Part of the room is kept for errors.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{Level, Log, LogSettings};

/// Octets of text that wait at most.
pub const MAX_QUEUED_OCTETS: usize = 4 << 20;

/// Octets besides that only errors may take.
pub const KEPT_FOR_ERRORS: usize = 1 << 20;

/// How long the end of the daemon waits for lines to be written.
pub const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// What a line costs beside its text.
const LINE_OVERHEAD: usize = 64;

/// A log behind a queue.
#[derive(Debug)]
pub struct Queued {
    shared: Arc<Shared>,
    sink: Arc<dyn Log>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<(Level, String)>,
    octets: usize,
    lost: u64,
    writing: bool,
    closed: bool,
}

impl Queued {
    /// Starts the thread that writes to `sink`. Belongs after the last fork.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(sink: Arc<dyn Log>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (theirs, writer_sink) = (Arc::clone(&shared), Arc::clone(&sink));
        thread::Builder::new()
            .name("dkimd-log".to_owned())
            .spawn(move || theirs.write_all(&*writer_sink))?;
        Ok(Self { shared, sink })
    }

    /// Waits until all lines are written, for at most `limit`; how many are not.
    pub fn flush(&self, limit: Duration) -> u64 {
        let end = Instant::now() + limit;
        let mut state = self.shared.lock();
        while state.is_busy() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return state.lines.len() as u64 + state.lost + u64::from(state.writing);
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        0
    }
}

impl Log for Queued {
    fn line(&self, level: Level, text: &str) {
        let mut state = self.shared.lock();
        let room = match level {
            Level::Err => MAX_QUEUED_OCTETS + KEPT_FOR_ERRORS,
            _ => MAX_QUEUED_OCTETS,
        };
        let cost = text.len() + LINE_OVERHEAD;
        if state.octets + cost > room {
            state.lost += 1;
            return;
        }
        state.octets += cost;
        state.lines.push_back((level, text.to_owned()));
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Lines that wait already are written under the new settings.
    fn reconfigure(&self, settings: &LogSettings) {
        self.sink.reconfigure(settings);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl State {
    fn is_busy(&self) -> bool {
        self.writing || self.lost > 0 || !self.lines.is_empty()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's life: ends when the log is dropped and all is written.
    fn write_all(&self, sink: &dyn Log) {
        let mut state = self.lock();
        loop {
            state.writing = false;
            self.changed.notify_all();
            while !state.is_busy() {
                if state.closed {
                    return;
                }
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            state.writing = true;
            // Lost lines came after those that wait, and are told when there is room again.
            let line = match state.lines.pop_front() {
                Some(line) => {
                    state.octets -= line.1.len() + LINE_OVERHEAD;
                    line
                }
                None => (Level::Err, lost(std::mem::take(&mut state.lost))),
            };
            drop(state);
            sink.line(line.0, &line.1);
            state = self.lock();
        }
    }
}

fn lost(lines: u64) -> String {
    format!(
        "{lines} log line{} lost: the log was not taken fast enough; look at the log daemon",
        if lines == 1 { "" } else { "s" }
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::log::sink::Capture;

    /// Takes no line before it is told to.
    #[derive(Debug)]
    struct Hanging {
        go: Mutex<mpsc::Receiver<()>>,
        taken: Capture,
    }

    impl Log for Hanging {
        fn line(&self, level: Level, text: &str) {
            let _ = self.go.lock().unwrap().recv();
            self.taken.line(level, text);
        }
    }

    fn hanging() -> (mpsc::Sender<()>, Arc<Hanging>, Queued) {
        let (sender, go) = mpsc::channel();
        let sink = Arc::new(Hanging {
            go: Mutex::new(go),
            taken: Capture::default(),
        });
        let queued = Queued::start(Arc::clone(&sink) as Arc<dyn Log>).unwrap();
        (sender, sink, queued)
    }

    #[test]
    fn lines_arrive_in_their_order_and_the_flush_waits_for_them() {
        let sink = Arc::new(Capture::default());
        let queued = Queued::start(Arc::clone(&sink) as Arc<dyn Log>).unwrap();
        for number in 0..1000 {
            queued.line(Level::Info, &number.to_string());
        }
        assert_eq!(queued.flush(Duration::from_secs(10)), 0);
        let lines = sink.lines();
        assert_eq!(lines.len(), 1000);
        assert!(
            lines
                .iter()
                .zip(0..)
                .all(|(line, number)| line.1 == number.to_string())
        );
    }

    #[test]
    fn a_log_that_hangs_holds_nobody_up_and_lost_lines_are_counted_but_errors_have_room() {
        let (go, sink, queued) = hanging();
        let text = "x".repeat(4096);
        let begun = Instant::now();
        for _ in 0..2000 {
            queued.line(Level::Info, &text);
        }
        queued.line(Level::Err, "an error");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(
            queued.flush(Duration::from_millis(20)) >= 2000,
            "some are lost, none is written"
        );
        drop(go);
        assert_eq!(queued.flush(Duration::from_secs(10)), 0);
        let lines = sink.taken.lines();
        let told = &lines.last().unwrap().1;
        let lost: usize = told.split(' ').next().unwrap().parse().unwrap();
        assert!(told.contains("log lines lost"), "{told}");
        assert_eq!(lines.len() - 2 + lost, 2000);
        assert_eq!(lines[lines.len() - 2].1, "an error");
    }

    #[test]
    fn dropping_the_log_ends_the_writer() {
        let (go, sink, queued) = hanging();
        queued.line(Level::Info, "last words");
        drop(queued);
        drop(go);
        let end = Instant::now() + Duration::from_secs(10);
        while Arc::strong_count(&sink) > 1 {
            assert!(Instant::now() < end, "the writer lives on");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(sink.taken.lines().len(), 1);
    }
}
