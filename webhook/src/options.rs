//! The command line of `idp-webhook`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use idp_serving::address::{self, OptionalAddress};
use idp_serving::limits::LimitArgs;
use idp_serving::telemetry::TelemetryArgs;

use crate::admission::DecisionMode;

/// The admission webhook of IDP Multicloud: refuses claims that break the contract, decides where
/// the others go.
///
/// Without --catalog it runs in (or beside) a cluster: it watches the platform's configuration, and
/// registers itself with the API server. With --catalog it needs no cluster: for laptops and tests.
#[derive(Debug, Parser)]
#[command(name = "idp-webhook", version = idp_serving::VERSION, after_help = AFTER_HELP)]
pub struct Options {
    /// Something to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeOptions,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  2  the command line is wrong
  3  a file, an address or the cluster cannot be used";

/// What else the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Remove the webhook's registration from the cluster, before the webhook itself is removed.
    Unregister,
    /// Create or update the definitions of the configuration kinds, before anything of a new
    /// release is installed.
    ApplyCrds,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// What clients may hold.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Where the API server reaches the webhook (HTTPS).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8443")]
    pub address: SocketAddr,
    /// Where to answer /metrics, /healthz and /readyz (HTTP).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8081")]
    pub metrics_address: SocketAddr,
    /// Where to show the console and to answer the read API, /api (HTTP): in a cluster to whoever brings a
    /// token of the cluster's, and what they may list there; empty for nowhere.
    #[arg(long, value_name = "[ADDRESS]:PORT", default_value = "0.0.0.0:8082", value_parser = address::parse_optional)]
    pub read_address: OptionalAddress,
    /// Serve without a cluster, by the catalog in this folder, or `embedded` for the default one. The console
    /// is then shown at a loopback address only, as nobody is asked who they are.
    #[arg(long, value_name = "DIR|embedded", conflicts_with_all = ["service", "url"])]
    pub catalog: Option<String>,
    /// Folder with tls.crt, tls.key and ca.crt, the authority that the API server is to trust, as
    /// cert-manager keeps them; changed files are picked up. Without it the webhook makes its own
    /// certificate.
    #[arg(long, value_name = "DIR", env = "TLS_SERVER_CERTS_DIR")]
    pub tls_certs_dir: Option<PathBuf>,
    /// File with the authority (PEM) that signs the API server's client certificate: whoever shows
    /// none of it is turned away. A changed file is picked up.
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// Without a cluster and without --tls-certs-dir: where to write the certificate authority that
    /// clients are to trust.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Where a new workload's place is decided.
    #[arg(long, value_enum, default_value_t)]
    pub decision_at: DecisionMode,
    /// Crossplane's user names: it carries claims on and is not held to the contract.
    #[arg(
        long,
        value_name = "USER",
        value_delimiter = ',',
        default_value = "system:serviceaccount:crossplane-system:crossplane"
    )]
    pub crossplane_user: Vec<String>,
    /// Do not look whether a Secret of a new workload's connection secret's name is there already,
    /// which takes the right to get Secrets.
    #[arg(long)]
    pub no_secret_check: bool,
    /// In a cluster.
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// How to be part of a cluster.
#[derive(Debug, Clone, Args)]
pub struct ClusterOptions {
    /// The namespace of the webhook's Secret and Lease, and of its Service.
    #[arg(long, env = "POD_NAMESPACE", default_value = "idp-system")]
    pub namespace: String,
    /// The Service by which the API server reaches the webhook.
    #[arg(long, default_value = "idp-webhook")]
    pub service: String,
    /// The URL by which the API server reaches the webhook, for one that runs outside the cluster;
    /// instead of the Service.
    #[arg(long, value_name = "https://HOST:PORT")]
    pub url: Option<String>,
    /// The ClusterRole that the registration belongs to: when it is deleted, so is the
    /// registration.
    #[arg(long, value_name = "CLUSTERROLE")]
    pub owner: Option<String>,
    /// Do not register with the API server; something else does.
    #[arg(long)]
    pub no_register: bool,
    /// Remove the registration when the process ends, for one that nothing replaces.
    #[arg(long)]
    pub unregister_on_exit: bool,
    /// This process among its replicas.
    #[arg(long, env = "POD_NAME", default_value = "idp-webhook")]
    pub identity: String,
}
