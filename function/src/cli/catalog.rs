//! The catalog that a command works with.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::CliError;
use super::cluster::{self, ClusterArgs};
use crate::live::Cluster;
use idp_core::catalog::{Catalog, Objects, embedded};

/// Which catalog.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// A folder with the catalog, instead of the built-in one.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
    /// Read from the cluster, with your own rights, whatever no file is given for: the catalog, and
    /// the workloads where there is a question about them.
    #[arg(long, help_heading = "Cluster")]
    live: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A catalog, what it is made of, and the cluster where that is asked.
pub(super) struct Opened {
    pub(super) objects: Objects,
    pub(super) catalog: Catalog,
    pub(super) cluster: Option<Cluster>,
}

impl CatalogArgs {
    /// The folder; none for another one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.catalog.as_deref()
    }

    /// Reads it.
    pub(super) fn load(&self, err: &mut dyn Write) -> Result<Catalog, CliError> {
        Ok(self.open(self.live, err)?.catalog)
    }

    /// Reads it, and keeps the cluster at hand; `live` where that is to be asked anyway.
    pub(super) fn open(&self, live: bool, err: &mut dyn Write) -> Result<Opened, CliError> {
        let cluster = (live || self.live).then(|| self.cluster.connect()).transpose()?;
        match (&cluster, self.folder()) {
            (Some(connected), None) => {
                let (live, catalog) = cluster::catalog(connected, err)?;
                Ok(Opened { objects: live.objects, catalog, cluster })
            }
            (_, folder) => {
                let objects = objects(folder)?;
                let catalog = catalog(folder, objects.clone())?;
                Ok(Opened { objects, catalog, cluster })
            }
        }
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
    catalog(folder, objects(folder)?)
}

/// Makes a catalog of what was read from there.
fn catalog(folder: Option<&Path>, objects: Objects) -> Result<Catalog, CliError> {
    let catalog = Catalog::strict(objects).map_err(|errors| CliError::catalog(&errors))?;
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
