//! YAML and JSON documents that a user names.

use std::io::Read;
use std::path::Path;

use idp_core::catalog::read_objects;
use serde_json::Value;

use super::CliError;

/// The most that is read of one file, bytes: some hundred thousand workloads.
const LARGEST: u64 = 1 << 30;

/// A document, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The file, or `standard input`.
    pub origin: String,
    /// The object.
    pub object: Value,
}

impl Document {
    /// `file: Kind namespace/name`, for messages.
    pub(super) fn title(&self) -> String {
        let (kind, name) = (self.text("/kind"), self.text("/metadata/name"));
        let kind = if kind.is_empty() { "object without a kind" } else { kind };
        format!("{}: {kind} {}/{name}", self.origin, self.namespace())
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn group(&self) -> &str {
        self.text("/apiVersion").split_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn namespace(&self) -> &str {
        match self.text("/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        }
    }
}

/// Reads the documents of a file, of standard input for `-`, or of a folder's YAML and JSON files.
pub(super) fn read(path: &Path) -> Result<Vec<Document>, CliError> {
    if path.is_dir() {
        return read_folder(path);
    }
    let origin = origin(path);
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
    };
    let length = read.map_err(|error| CliError::Input(format!("cannot read {origin}: {error}")))?;
    if length as u64 > LARGEST {
        return Err(CliError::Input(format!("{origin} is larger than {LARGEST} bytes")));
    }
    let objects =
        read_objects(&text).map_err(|error| CliError::Input(format!("{origin}: {error}")))?;
    if objects.is_empty() {
        return Err(CliError::Input(format!("{origin} holds no object")));
    }
    Ok(objects.into_iter().map(|object| Document { origin: origin.clone(), object }).collect())
}

/// How messages name a file.
pub(super) fn origin(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Every document of the files in `folder` and in those below it, in order of path.
fn read_folder(folder: &Path) -> Result<Vec<Document>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::Input(format!("cannot read {}: {error}", folder.display()))
    };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    let is_wanted = |path: &Path| {
        path.extension()
            .is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
    };
    let mut documents = Vec::new();
    for path in paths.iter().filter(|path| path.is_dir() || is_wanted(path)) {
        // A link to a folder above would be followed for ever.
        if path.is_dir() && !path.is_symlink() {
            documents.extend(read_folder(path)?);
        } else if path.is_file() {
            documents.extend(read(path)?);
        }
    }
    Ok(documents)
}
