//! Log lines, written several at a time: a write for each would cost more than what it tells of.
//!
//! A line waits twenty milliseconds at most. A warning or an error is written at once, with all
//! that came before it, and so is what was told before a process ends; one that is killed has lost
//! the lines about what went well in its last moment.
//!
//! `tracing-appender` was tried instead: it wakes a thread for every line, and a review of the webhook's
//! took half as much again (37 µs for 23).

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// A line waits this long for others.
const WAIT: Duration = Duration::from_millis(20);
/// As much is written without waiting, bytes.
const ENOUGH: usize = 32 << 10;

/// Where lines are collected; clones share it.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write.
    filled: Condvar,
    /// There is no thread that writes what waits.
    unattended: AtomicBool,
}

struct Waiting {
    lines: Vec<u8>,
    to: Box<dyn Write + Send>,
}

impl Waiting {
    /// Whoever cannot be told cannot be told that either.
    fn write(&mut self) {
        let _ = self.to.write_all(&self.lines).and_then(|()| self.to.flush());
        self.lines.clear();
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl Lines {
    pub(crate) fn to_stderr() -> Self {
        Lines::to(io::stderr())
    }

    fn to(to: impl Write + Send + 'static) -> Self {
        let waiting = Mutex::new(Waiting { lines: Vec::new(), to: Box::new(to) });
        let unattended = AtomicBool::new(false);
        let shared = Arc::new(Shared { waiting, filled: Condvar::new(), unattended });
        let writing = Arc::clone(&shared);
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || writing.write());
        shared.unattended.store(thread.is_err(), Ordering::Relaxed);
        Lines(shared)
    }

    /// Writes what waits.
    pub(crate) fn flush(&self) {
        self.0.waiting().write();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) {
        loop {
            let waiting = self.waiting();
            let filled = self.filled.wait_while(waiting, |waiting| waiting.lines.is_empty());
            drop(filled);
            thread::sleep(WAIT);
            self.waiting().write();
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { shared: &self.0, at_once: true }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        let unattended = self.0.unattended.load(Ordering::Relaxed);
        Line { shared: &self.0, at_once: unattended || *about.level() <= Level::WARN }
    }
}

/// One line.
pub(crate) struct Line<'a> {
    shared: &'a Shared,
    at_once: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.shared.waiting();
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(bytes);
        if self.at_once || waiting.lines.len() >= ENOUGH {
            waiting.write();
        } else if first {
            self.shared.filled.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Written {
        fn take(&self) -> Vec<String> {
            let writes = std::mem::take(&mut *self.0.lock().unwrap());
            writes.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_together_and_what_is_wrong_at_once() {
        let written = Written::default();
        let lines = Lines::to(written.clone());
        let say = |text: &str, at_once| {
            Line { shared: &lines.0, at_once }.write_all(text.as_bytes()).unwrap();
        };
        say("a\n", false);
        say("b\n", true);
        assert_eq!(written.take(), ["a\nb\n"]);
        say("c\n", false);
        while written.0.lock().unwrap().is_empty() {
            thread::sleep(WAIT);
        }
        assert_eq!(written.take(), ["c\n"], "nobody has to ask for it");
        say("d\n", false);
        say("e\n", false);
        lines.flush();
        assert_eq!(written.take().concat(), "d\ne\n");
        // Nothing grows while it waits.
        say(&"x".repeat(ENOUGH), false);
        assert_eq!(written.take().concat().len(), ENOUGH);
    }
}
