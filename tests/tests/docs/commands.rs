//! Commands in documents. A block says behind its fence what it needs:
//!
//! - `console`: nothing but the programs: it is run here, from the top of a copy of the checkout's
//!   examples, and the text block that follows it, if there is one, is what it prints (`…` stands
//!   for anything);
//! - `console,build`: it builds or installs something, which is not for a test;
//! - `console,cluster`: the playground that `tests/cluster/up` starts: `tests/tests/cluster_up.rs` runs it there;
//! - `console,elsewhere`: another cluster, a registry, a cloud: nothing here can run it.

use std::process::Command;

use idp_tests::pages::{Block, all, blocks, top};

/// Where commands without a cluster run: a folder with what they name, and `idp` on the path.
fn run(script: &str) -> (bool, String) {
    let idp = std::env::current_exe().unwrap();
    let programs = idp.parent().unwrap().parent().unwrap().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let scratch = tempfile::tempdir().unwrap();
    for name in ["package", "tests"] {
        std::os::unix::fs::symlink(top().join(name), scratch.path().join(name)).unwrap();
    }
    // From a checkout people build what is built here already.
    let script = script.replace("cargo run --release --bin idp -- ", "idp ");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(scratch.path())
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// Whether `shown` is what was printed, `…` standing for anything.
fn shows(shown: &str, printed: &str) -> Result<(), String> {
    let mut rest = printed;
    for line in shown.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
        for part in line.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return Err(format!("{part:?} is not in what follows of\n{printed}")),
            }
        }
    }
    Ok(())
}

fn is_known(info: &str) -> bool {
    ["console", "console,build", "console,cluster", "console,elsewhere"].contains(&info)
}

#[test]
fn commands_run_and_print_what_is_shown() {
    let mut wrong = Vec::new();
    let mut ran = 0;
    for (path, page) in all() {
        let blocks = blocks(&page);
        for (at, Block { info, line, text }) in blocks.iter().enumerate() {
            let here = format!("{}:{line}", path.display());
            if !info.starts_with("console") {
                continue;
            }
            if !is_known(info) {
                wrong.push(format!("{here}: {info:?} does not say what the commands need"));
            }
            if info != "console" {
                continue;
            }
            ran += 1;
            let (done, printed) = run(text);
            if !done && !text.contains("# refused") {
                wrong.push(format!("{here}: failed:\n{printed}"));
            }
            if let Some(next) = blocks.get(at + 1).filter(|next| next.info == "text") {
                shows(&next.text, &printed)
                    .unwrap_or_else(|why| wrong.push(format!("{here}: {why}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(ran >= 8, "only {ran} blocks of commands were run");
}
