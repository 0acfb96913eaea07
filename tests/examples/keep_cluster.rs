//! The cluster of the tests, for people: started by `tests/cluster/up`, ended by
//! `tests/cluster/down`.
//!
//! Its one argument is a directory, which has `guide.txt` in it once everything runs. All that it
//! starts ends with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use idp_tests::cluster::{Cluster, Release};
use idp_tests::tools;
use tokio::signal::unix::{SignalKind, signal};

const GUIDE: &str = include_str!("../cluster/guide.txt");

#[tokio::main]
async fn main() {
    let dir = std::env::args_os().nth(1).expect("usage: keep_cluster DIRECTORY");
    let cluster = Cluster::start(PathBuf::from(dir), &Release::default());
    cluster.webhook().await;
    write_guide(&cluster);

    let mut told_to_end = signal(SignalKind::terminate()).expect("a handler of SIGTERM");
    let mut between_looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = told_to_end.recv() => return,
            _ = between_looks.tick() => cluster.restart_the_ended(),
        }
    }
}

/// Says how to use the cluster: once this file is there, it can be used.
fn write_guide(cluster: &Cluster) {
    let bin = cluster.dir.join("bin");
    let kubectl = tools::find("kubectl").expect("the kubectl that the tests use");
    fs::create_dir_all(&bin).expect("a directory for the PATH");
    symlink(kubectl, bin.join("kubectl")).expect("a link to kubectl");
    let programs = std::env::current_exe().expect("this program's path");
    let programs = programs.parent().and_then(Path::parent).expect("where programs are built");
    for name in ["idp", "kubectl-idp"] {
        symlink(programs.join("idp"), bin.join(name)).expect("a link to idp");
    }

    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let guide = [
        ("{repository}", repository),
        ("{kubeconfig}", &cluster.control_plane.admin.kubeconfig),
        ("{bin}", &bin),
        ("{dir}", &cluster.dir),
        ("{logs}", &cluster.dir.join("logs")),
    ]
    .iter()
    .fold(GUIDE.to_owned(), |guide, (name, path)| guide.replace(name, &path.display().to_string()));
    // Whoever waits for the file finds all of it.
    let unfinished = cluster.dir.join("guide.unfinished");
    fs::write(&unfinished, guide).expect("the guide");
    fs::rename(unfinished, cluster.dir.join("guide.txt")).expect("the guide's name");
}
