//! What is done about what the cluster says: a file a controller.
//!
//! A controller has a `reconcile`, which makes the cluster what it should be and says when to look
//! again, and an `error_policy`, which says when to try again. Where there is an object of a watched
//! kind to reconcile, it runs on kube's `Controller`; where there is just one thing, on `singleton`.
//! None watches by itself: [`WatchedCatalog`] and [`Workloads`] are shared.
//!
//! A new controller is a file here, and a line in [`start`].

pub mod breaker;
pub mod certificates;
pub mod conditions;
mod evidence;
pub mod registration;
mod singleton;
mod triggers;

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use crate::background::Background;
use crate::cluster::catalog::WatchedCatalog;
use crate::cluster::workloads::Workloads;
use crate::options::ServeOptions;

/// What controllers work with.
pub struct Context {
    /// The cluster.
    pub client: Client,
    /// The command line.
    pub options: Arc<ServeOptions>,
    /// Whether this replica does what only one may do.
    pub leads: watch::Receiver<bool>,
    /// The configuration.
    pub catalog: WatchedCatalog,
    /// The authorities that clients of the webhook have to trust, PEM; none where there is no
    /// telling.
    pub authorities: watch::Receiver<Option<String>>,
}

impl Context {
    fn leads(&self) -> bool {
        *self.leads.borrow()
    }
}

/// Starts all of them.
pub fn start(context: &Arc<Context>, workloads: &mut Workloads, background: &mut Background) {
    let context = || Arc::clone(context);
    background.controller(conditions::run(context()));
    let placements = workloads.placements();
    background.controller(breaker::run(context(), placements, workloads.subscribe()));
    background.controller(registration::run(context()));
}
