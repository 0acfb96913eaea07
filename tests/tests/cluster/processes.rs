//! Nothing that the fixture starts outlives the test program. This needs no cluster.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use idp_tests::cluster::{Program, eventually};

const VICTIM: &str = "processes::a_test_program_that_hangs";

/// Not a test: the program that the test below starts and kills.
#[test]
#[ignore = "started by another test"]
fn a_test_program_that_hangs() {
    let dir = std::env::var("IDP_PROCESSES").expect("a directory, from the other test");
    let sleeper = Program::new("sleep", Path::new("sleep")).args(["600"]).start(Path::new(&dir));
    println!("\npid {}", sleeper.pid());
    std::thread::sleep(std::time::Duration::from_secs(600));
}

#[tokio::test]
async fn programs_end_when_the_test_program_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", VICTIM, "--nocapture"])
        .env("IDP_PROCESSES", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let pid = output.lines().find_map(|line| line.unwrap().strip_prefix("pid ").map(str::to_owned)).unwrap();
    let state = format!("/proc/{pid}/stat");
    assert!(Path::new(&state).exists(), "the program is not even started");

    victim.kill().unwrap();
    victim.wait().unwrap();

    eventually("the end of the orphan", async || match std::fs::read_to_string(&state) {
        // A zombie has ended; its new parent may be slow to notice.
        Ok(stat) if !stat.contains(") Z ") => Err(stat),
        _ => Ok(()),
    })
    .await;
}
