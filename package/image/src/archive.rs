//! Reproducible tar archives.

use std::io::{self, Write};

use tar::{Builder, EntryType, Header};

/// A tar archive whose bytes depend on nothing but what is put into it.
pub(crate) struct Archive<W: Write>(Builder<W>);

impl<W: Write> Archive<W> {
    pub(crate) fn new(writer: W) -> Self {
        Archive(Builder::new(writer))
    }

    pub(crate) fn folder(&mut self, path: &str) -> io::Result<()> {
        let mut header = header(EntryType::Directory, 0, 0o755);
        self.0.append_data(&mut header, path, io::empty())
    }

    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut header = header(EntryType::Regular, content.len() as u64, mode);
        self.0.append_data(&mut header, path, content)
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        self.0.into_inner()
    }
}

fn header(kind: EntryType, size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    // Root owns what nobody may change; the process is somebody else.
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
