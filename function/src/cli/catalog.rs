//! The catalog that a command works with.

use std::path::{Path, PathBuf};

use clap::Args;

use super::CliError;
use idp_core::catalog::{Catalog, Objects, embedded};

/// Which catalog.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// A folder with the catalog, instead of the built-in one.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
}

impl CatalogArgs {
    /// The folder; none for the built-in one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.catalog.as_deref()
    }

    /// Reads it.
    pub(super) fn load(&self) -> Result<Catalog, CliError> {
        load(self.folder())
    }
}

/// The objects of a folder, or of the built-in catalog.
pub(super) fn objects(folder: Option<&Path>) -> Result<Objects, CliError> {
    let objects = match folder {
        Some(folder) => Objects::from_folder(folder),
        None => embedded(),
    };
    objects.map_err(|errors| CliError::catalog(&errors))
}

/// Reads a catalog from a folder, or the built-in one; anything that is wrong with it is an error.
pub(super) fn load(folder: Option<&Path>) -> Result<Catalog, CliError> {
    let catalog = Catalog::strict(objects(folder)?).map_err(|errors| CliError::catalog(&errors))?;
    if catalog.is_empty() {
        let place = folder.map_or_else(
            || "the built-in catalog".to_owned(),
            |folder| folder.display().to_string(),
        );
        return Err(CliError::Catalog(format!(
            "{place} has no Candidate: nothing tells where workloads can run; `idp generate catalog` prints the default catalog to begin with"
        )));
    }
    Ok(catalog)
}
