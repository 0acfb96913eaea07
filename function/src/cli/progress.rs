//! How far long work has come: on a terminal, and only there, a line that goes when it is done.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Work that is done sooner needs no word.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is written.
const OFTEN: Duration = Duration::from_millis(100);

/// A count that is told on standard error.
pub(super) struct Progress {
    what: &'static str,
    count: Cell<usize>,
    /// When the line is to be written next; none where nobody would see it.
    due: Cell<Option<Instant>>,
    written: Cell<bool>,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        let seen = std::io::stderr().is_terminal();
        Progress {
            what,
            count: Cell::new(0),
            due: Cell::new(seen.then(|| Instant::now() + PATIENCE)),
            written: Cell::new(false),
        }
    }

    /// So many more are done.
    pub(super) fn add(&self, more: usize) {
        let count = self.count.get() + more;
        self.count.set(count);
        let Some(due) = self.due.get() else { return };
        let now = Instant::now();
        if now >= due {
            self.due.set(Some(now + OFTEN));
            self.written.set(true);
            // Nobody is left to be told.
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K{count} {}…", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.written.get() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}
