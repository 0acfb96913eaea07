//! The cluster that a command asks, by the user's own kubeconfig.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use idp_core::catalog::{Catalog, Named, Rejected};
use idp_crds::ProductSpec;
use serde_json::Value;

use super::CliError;
use super::progress::Progress;
use crate::live::catalog::LiveCatalog;
use crate::live::workloads::Asked;
use crate::live::{Cluster, LiveError};

/// So many lines about one matter are told, and the rest counted.
const MOST_TOLD: usize = 10;

/// Which cluster.
#[derive(Debug, Args, Clone, Default)]
pub struct ClusterArgs {
    /// The kubeconfig, instead of that of KUBECONFIG or `~/.kube/config`.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,
    /// Its context, instead of the current one.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    context: Option<String>,
}

impl From<LiveError> for CliError {
    fn from(error: LiveError) -> Self {
        CliError::Input(error.to_string())
    }
}

impl ClusterArgs {
    pub(super) fn connect(&self) -> Result<Cluster, CliError> {
        Ok(Cluster::connect(self.kubeconfig.as_deref(), self.context.as_deref())?)
    }
}

/// Reads what a cluster decides by, and tells what of its configuration it does not.
pub(super) fn catalog(
    cluster: &Cluster,
    err: &mut dyn Write,
) -> Result<(LiveCatalog, Catalog), CliError> {
    let live = cluster.catalog()?;
    let (catalog, wrong) = live.catalog();
    let rejected: Vec<&Rejected> = live.rejected.iter().chain(&wrong).collect();
    tell(err, "left out of the catalog", &rejected)?;
    if catalog.is_empty() {
        return Err(CliError::Catalog("the cluster has no Candidate".to_owned()));
    }
    Ok((live, catalog))
}

/// Reads what runs in a cluster, and tells what of it may not be seen.
pub(super) fn workloads(
    cluster: &Cluster,
    products: &[Named<ProductSpec>],
    asked: &Asked<'_>,
    err: &mut dyn Write,
) -> Result<Vec<Value>, CliError> {
    let progress = Progress::new("workloads");
    let fleet = cluster.workloads(products, asked, &|more| progress.add(more))?;
    drop(progress);
    tell(err, "not seen", &fleet.unseen.iter().collect::<Vec<_>>())?;
    Ok(fleet.objects)
}

/// The first few of these, and how many more there are.
pub(super) fn tell<T: ToString>(
    err: &mut dyn Write,
    what: &str,
    all: &[&T],
) -> Result<(), CliError> {
    for one in all.iter().take(MOST_TOLD) {
        writeln!(err, "{what}: {}", one.to_string())?;
    }
    if all.len() > MOST_TOLD {
        writeln!(err, "{what}: {} more", all.len() - MOST_TOLD)?;
    }
    Ok(())
}
