//! The default catalog, built into the binary for laptops.

use include_dir::{Dir, include_dir};

use super::{Objects, ReadError};

/// `package/catalog`, which the chart installs too.
static CATALOG: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../package/catalog");

/// The default catalog's objects.
///
/// # Errors
/// Never for a released binary: a test reads it.
pub fn embedded() -> Result<Objects, Vec<ReadError>> {
    let mut objects = Objects::default();
    let mut errors = Vec::new();
    for (path, text) in embedded_files() {
        objects.add_yaml(&path, text, &mut errors);
    }
    if errors.is_empty() { Ok(objects) } else { Err(errors) }
}

/// The default catalog's files, path and text, in order of path.
pub fn embedded_files() -> impl Iterator<Item = (String, &'static str)> {
    let mut files: Vec<_> = CATALOG
        .find("**/*.yaml")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_file())
        .collect();
    files.sort_by_key(|file| file.path());
    files
        .into_iter()
        .filter_map(|file| Some((file.path().display().to_string(), file.contents_utf8()?)))
}
