//! Nothing that the fixture starts outlives the test program. This needs no cluster.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use idp_tests::cluster::{Program, eventually};
use rstest::rstest;

const VICTIM: &str = "processes::a_test_program_that_ends";

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    /// Ctrl-C.
    Interrupted,
    Panics,
}

/// Not a test: the program that the test below starts.
#[test]
#[ignore = "started by another test"]
fn a_test_program_that_ends() {
    let dir = std::env::var("IDP_PROCESSES").expect("a directory, from the other test");
    let sleeper = Program::new("sleep", Path::new("sleep")).args(["600"]).start(Path::new(&dir));
    println!("\npid {}", sleeper.pid());
    // The other test has looked at it by then.
    std::io::stdin().read_line(&mut String::new()).unwrap();
    panic!("as asked");
}

#[rstest]
#[tokio::test]
async fn programs_end_with_the_test_program(
    #[values(End::Killed, End::Interrupted, End::Panics)] end: End,
) {
    let dir = tempfile::tempdir().unwrap();
    // Somebody may have started us with the signal ignored.
    let mut victim = Command::new("env")
        .arg("--default-signal=INT")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", VICTIM, "--nocapture"])
        .env("IDP_PROCESSES", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(victim.stdout.take().unwrap()).lines();
    let pid =
        output.find_map(|line| line.unwrap().strip_prefix("pid ").map(str::to_owned)).unwrap();
    let state = format!("/proc/{pid}/stat");
    assert!(Path::new(&state).exists(), "the program is not even started");

    match end {
        End::Killed => victim.kill().unwrap(),
        End::Interrupted => {
            let sent =
                Command::new("kill").args(["-INT", &victim.id().to_string()]).status().unwrap();
            assert!(sent.success());
        }
        End::Panics => drop(victim.stdin.take()),
    }
    let status = victim.wait().unwrap();
    assert!(!status.success(), "{end:?}: {status}");

    eventually("the end of the orphan", async || match std::fs::read_to_string(&state) {
        // A zombie has ended; its new parent may be slow to notice.
        Ok(stat) if !stat.contains(") Z ") => Err(stat),
        _ => Ok(()),
    })
    .await;
}
