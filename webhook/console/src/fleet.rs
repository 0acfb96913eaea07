//! Workloads from a file, for looking at them without a cluster: what `kubectl get … -o yaml` prints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use idp_core::catalog::read_objects;
use kube::core::DynamicObject;

use crate::placements::{GroupKind, Placements};
use crate::snapshot::Snapshot;
use crate::workloads::{kinds, placed};

/// Why a file's workloads cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is no YAML.
    #[error("{}: {message}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// The objects of a file.
///
/// # Errors
/// When it cannot be read, or is no YAML or JSON.
pub fn read(path: &Path) -> Result<Vec<DynamicObject>, FleetError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| FleetError::Read { path: path.to_owned(), source })?;
    parse(path, &text)
}

/// The objects of the text of a file.
///
/// # Errors
/// When it is no YAML or JSON.
pub fn parse(path: &Path, text: &str) -> Result<Vec<DynamicObject>, FleetError> {
    let objects = read_objects(text)
        .map_err(|message| FleetError::Yaml { path: path.to_owned(), message })?;
    // What is no Kubernetes object is nobody's workload.
    Ok(objects.into_iter().filter_map(|object| serde_json::from_value(object).ok()).collect())
}

/// Puts those into `placements` that are workloads by the catalog's products.
pub fn place(objects: &[Arc<DynamicObject>], snapshot: &Snapshot, placements: &Placements) {
    let watched = kinds(snapshot);
    for object in objects {
        let Some(kind) = kind_of(object) else { continue };
        let watched = watched.iter().find(|watched| watched.kind == kind);
        if let Some(placed) = watched.and_then(|watched| placed(watched, object)) {
            placements.put(placed);
        }
    }
}

/// Its group and kind.
#[must_use]
pub fn kind_of(object: &DynamicObject) -> Option<GroupKind> {
    let types = object.types.as_ref()?;
    let (group, _) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    Some(GroupKind::new(group, &types.kind))
}
