//! What the chart's notes and package/README.md tell people to do.

use std::process::Command;

use idp_tests::cluster::Cluster;
use idp_tests::tools;

use crate::pods::REASON;

/// Does what the notes say, as the one who reads them.
pub fn follow(cluster: &Cluster, notes: &str) {
    let from = |text: &str| {
        notes.find(text).map(|at| &notes[at..]).unwrap_or_else(|| panic!("no {text:?} in {notes}"))
    };
    let wait = from("kubectl wait function").lines().next().unwrap();
    let (ask, _) = from("kubectl apply --dry-run=server").split_once("\nEOF\n").unwrap();
    let answer = shell(cluster, &format!("{wait}\n{ask}\nEOF\n"));
    assert!(answer.contains(REASON), "{answer}");
}

/// Runs what a document says to run, in the repository, as an administrator with kubectl on the
/// PATH.
pub fn shell(cluster: &Cluster, script: &str) -> String {
    let kubectl = tools::find("kubectl").unwrap();
    let output = Command::new("bash")
        .args(["-ec", script])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("KUBECONFIG", &cluster.control_plane.admin.kubeconfig)
        .env(
            "PATH",
            format!("{}:{}", kubectl.parent().unwrap().display(), std::env::var("PATH").unwrap()),
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The command in package/README.md that begins so.
pub fn readme(start: &str) -> &'static str {
    let text = include_str!("../../../package/README.md");
    text.lines()
        .find(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("package/README.md has no line {start:?}"))
}
