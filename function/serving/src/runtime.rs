//! The threads a server of ours runs on.

use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// Requests take well under a millisecond: more threads would sit idle and
/// hold memory.
const MAX_THREADS: usize = 4;

/// A runtime with a thread for each processor of the container's quota, four at
/// most.
///
/// # Errors
///
/// The threads cannot be started.
pub fn runtime() -> io::Result<Runtime> {
    let processors = available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(processors.min(MAX_THREADS)).enable_all().build()
}
