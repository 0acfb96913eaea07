//! Whether files have changed since they were read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often files are looked at.
const LOOKS: Duration = Duration::from_millis(300);

/// Files and folders, and what they were like before they were read.
#[derive(Default)]
pub(super) struct Watched(BTreeMap<PathBuf, Vec<Seen>>);

/// A file: its name, when it was written, how long it is.
type Seen = (PathBuf, Option<SystemTime>, u64);

impl Watched {
    /// Watches this one too. To be called before it is read: what is written after that is a change.
    pub(super) fn add(&mut self, path: &Path) {
        self.0.entry(path.to_owned()).or_insert_with(|| state(path));
    }

    /// Until one of them is another, or gone, or a new one is there.
    pub(super) fn wait(&self) {
        while self.0.iter().all(|(path, seen)| state(path) == *seen) {
            std::thread::sleep(LOOKS);
        }
    }
}

fn state(path: &Path) -> Vec<Seen> {
    let mut all = Vec::new();
    look(path, &mut all);
    all.sort();
    all
}

fn look(path: &Path, all: &mut Vec<Seen>) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    // A link to a folder above would be followed for ever.
    if metadata.is_dir() && !path.is_symlink() {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| look(&entry.path(), all));
    }
    all.push((path.to_owned(), metadata.modified().ok(), metadata.len()));
}
