//! `idp console`: what runs where and why, in a browser, without a cluster.

use std::io::{Read as _, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use idp_console::access::Access;
use idp_console::fleet::{self, FleetError};
use idp_console::placements::Placements;
use idp_console::snapshot::Snapshot;
use idp_console::{Sources, WorkloadObjects};
use idp_serving::address;
use idp_serving::http::{self, Options};
use idp_serving::runtime::runtime;
use idp_serving::shutdown::drain_on_signal;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::CliError;
use super::catalog::{self, CatalogArgs};

/// Show what runs where and why in a browser, without a cluster: the console's own pages and read API.
///
/// Whoever reaches the address sees everything, so that it is one of this machine alone. In a cluster the
/// webhook shows the same, to each what they may list.
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    #[command(flatten)]
    catalog: CatalogArgs,
    /// What runs: a file with claims or composite resources as `kubectl get … -A -o yaml` prints them, `-` for
    /// standard input. By default, with the built-in catalog, an example's ten workloads.
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// Where to show it: an address of this machine alone.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8082", value_parser = loopback)]
    address: SocketAddr,
}

/// What is shown where nothing else is asked for.
const EXAMPLE: &str = include_str!("../../../package/examples/fleet.yaml");

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = address::parse(text)?;
    let is_ours = address.ip().is_loopback();
    is_ours.then_some(address).ok_or_else(|| {
        "everyone who reaches it would see everything: an address of this machine alone, such as 127.0.0.1:8082"
            .to_owned()
    })
}

impl ConsoleArgs {
    fn workloads(&self) -> Result<String, CliError> {
        match &self.fleet {
            None if self.catalog.folder().is_none() => Ok(EXAMPLE.to_owned()),
            None => Ok(String::new()),
            Some(path) if path.as_os_str() == "-" => {
                let mut text = String::new();
                let read = std::io::stdin().lock().read_to_string(&mut text);
                read.map_err(|error| CliError::Input(format!("standard input: {error}")))?;
                Ok(text)
            }
            Some(path) => std::fs::read_to_string(path).map_err(|source| {
                CliError::Input(FleetError::Read { path: path.clone(), source }.to_string())
            }),
        }
    }

    fn sources(&self, stopping: CancellationToken) -> Result<Sources, CliError> {
        let snapshot = Snapshot::strict(catalog::objects(self.catalog.folder())?)
            .map_err(|errors| CliError::catalog(&errors))?;
        let from = self.fleet.clone().unwrap_or_else(|| PathBuf::from("the example"));
        let objects = fleet::parse(&from, &self.workloads()?);
        let objects = objects.map_err(|error| CliError::Input(error.to_string()))?;
        let objects: Vec<_> = objects.into_iter().map(Arc::new).collect();
        let placements = Placements::offline();
        fleet::place(&objects, &snapshot, &placements);
        Ok(Sources {
            snapshot: snapshot.shared(),
            placements: Arc::new(placements),
            access: Access::Open,
            objects: WorkloadObjects::Files(objects),
            stopping,
        })
    }
}

pub(super) fn run(args: &ConsoleArgs, err: &mut impl Write) -> Result<(), CliError> {
    let stopping = CancellationToken::new();
    let sources = args.sources(stopping.clone())?;
    let many = sources.placements.list(|_| true).len();
    let serving = async {
        let listener = TcpListener::bind(args.address).await;
        let listener = listener.map_err(|error| {
            CliError::Input(format!("cannot listen on {} (--address): {error}", args.address))
        })?;
        let at = listener.local_addr()?;
        writeln!(err, "http://{at} shows {many} workloads; Ctrl-C ends it")?;
        err.flush()?;
        let router = idp_console::router(sources);
        http::serve(listener, Options::default(), router, stopping.clone()).await;
        Ok(())
    };
    let ended = runtime()?.block_on(drain_on_signal(stopping.clone(), serving));
    ended.map_err(|error| CliError::Input(error.to_string()))?
}
