//! `tests/cluster/up` leaves a cluster running that does what its guide says; `tests/cluster/down`
//! ends it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use idp_tests::cluster::eventually;
use idp_tests::pages::{blocks, top};

/// What the commands of the guide show, in its order: the beginning of each, and words of what it
/// prints.
const SHOWS: &[(&str, &[&str])] = &[
    (
        "kubectl get candidates,tiers,",
        &[
            "candidate.platform.example.org/aws-us-east-1",
            "candidate.platform.example.org/oci-us-ashburn-1",
            "tier.platform.example.org/business-critical",
            "cloudprovider.platform.example.org/gcp",
            "product.platform.example.org/mysql",
        ],
    ),
    ("kubectl create namespace", &["created"]),
    ("kubectl config set-context", &["modified"]),
    ("kubectl apply -f package/examples/mysql.yaml", &["orders created"]),
    (
        "kubectl get mysqlinstanceclaim orders -o jsonpath",
        &[
            r#""selected":{"provider":"aws","region":"us-east-1""#,
            r#""gcp/us-central1":"lacks cross_region_replication""#,
            r#""failover":{"provider":"gcp""#,
        ],
    ),
    ("kubectl wait mysqlinstanceclaim/orders", &["condition met"]),
    ("kubectl get mysqlinstanceclaim orders", &["business_critical", "us-east-1", "Steady"]),
    ("kubectl get managed", &["rds.aws", "orders"]),
    (
        "kubectl describe mysqlinstanceclaim orders",
        &["Placed", "ResourcesReady", "ProviderHealthy"],
    ),
    ("kubectl get secret orders-mysql-conn", &["connection.crossplane.io"]),
    ("sed", &[]),
    ("kubectl apply --dry-run=server", &[r#""tier":"low""#, r#""selected":{"provider":"aws""#]),
    ("kubectl apply -f", &["reports created"]),
    ("kubectl wait mysqlinstanceclaim/reports", &["condition met"]),
    ("kubectl patch cloudprovider aws", &["patched"]),
    ("kubectl get mysqlinstanceclaims", &["orders", "reports", "us-east-1", "Steady"]),
    ("sed", &["provider_unhealthy", r#""selected":{"provider":"gcp""#]),
    ("kubectl annotate mysqlinstanceclaim reports", &["annotated"]),
    ("kubectl wait mysqlinstanceclaim/reports", &["condition met"]),
    ("kubectl wait mysqlinstanceclaim/reports", &["condition met"]),
    ("kubectl get mysqlinstanceclaims", &["gcp", "us-central1", "Steady"]),
    ("kubectl get mysqlinstanceclaim reports", &[r#""place": "aws-us-east-1""#]),
    ("kubectl get managed -l", &["rds.aws", "reports"]),
];

/// Pages whose commands are for a cluster, in the order in which they can be carried out.
const PAGES: [&str; 4] = [
    "docs/src/how-to/claim.md",
    "docs/src/how-to/get.md",
    "docs/src/how-to/simulate.md",
    "docs/src/operations/outage.md",
];

/// A cluster that ends with the test, however that ends; after a bad end its logs stay.
struct Kept(PathBuf);

impl Kept {
    /// One of the two scripts, as from a terminal.
    fn script(&self, name: &str) -> Command {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster");
        self.in_its_place(Command::new(scripts.join(name)))
    }

    /// The same in a terminal of its own, which is closed when the script has ended.
    fn script_in_a_terminal(&self, name: &str) -> Command {
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--return", "--command"]);
        terminal.arg(self.script(name).get_program()).arg("/dev/null");
        self.in_its_place(terminal)
    }

    fn in_its_place(&self, mut command: Command) -> Command {
        command.env("IDP_CLUSTER", &self.0);
        // What Cargo says of this package makes the builds of others begin anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    fn keeper(&self) -> Option<String> {
        fs::read_to_string(self.0.join("pid")).ok().map(|pid| pid.trim().to_owned())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(pid) = self.keeper() {
            Command::new("kill").arg(pid).status().ok();
        }
    }
}

fn shell(script: &str) -> Output {
    let mut bash = Command::new("bash");
    bash.args(["-e", "-o", "pipefail", "-c", script]).current_dir("/").env_remove("KUBECONFIG");
    bash.output().unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// The commands of a guide: what is indented.
fn commands(guide: &str) -> Vec<&str> {
    guide.lines().filter_map(|line| line.strip_prefix("    ")).map(str::trim).collect()
}

/// The command lines of the cluster's processes: each holds its lock.
fn running(dir: &Path) -> Vec<String> {
    let lock = dir.join("lock");
    let holds = |pid: &Path| {
        let files = fs::read_dir(pid.join("fd")).into_iter().flatten();
        let mut targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        // What is removed while it is open has " (deleted)" behind its name.
        targets.any(|target| target.to_string_lossy().starts_with(&*lock.to_string_lossy()))
    };
    let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let ours = all.filter(|pid| holds(pid));
    let command = |pid: PathBuf| fs::read_to_string(pid.join("cmdline")).unwrap_or_default();
    ours.map(|pid| command(pid).replace('\0', " ")).collect()
}

#[tokio::test]
async fn does_what_its_guide_says_until_it_is_ended() {
    let Some(parent) = std::env::var_os("IDP_CLUSTER") else {
        eprintln!("SKIPPED: no cluster (IDP_CLUSTER is not set); run tests/cluster/run");
        return;
    };
    let dir = PathBuf::from(parent).join(format!("cluster_up.{}", std::process::id()));
    let cluster = Kept(dir.clone());

    println!("--- started in a terminal, which is closed when it has said what to do");
    let output = cluster.script_in_a_terminal("up").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    // A terminal's lines end in \r\n. What the builds say stands before the guide.
    let shown = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    println!("{shown}");
    let guide = fs::read_to_string(dir.join("guide.txt")).unwrap();
    assert!(shown.contains(&guide), "{guide}");
    assert!(guide.contains(&format!("kubeconfig  {}\n", dir.join("admin.kubeconfig").display())));
    let programs = running(&dir);
    for name in ["keep_cluster", "etcd", "kube-apiserver", "crossplane", "idp serve", "idp-webhook"]
    {
        assert!(programs.iter().any(|program| program.contains(name)), "{name}: {programs:#?}");
    }

    println!("--- not twice");
    let again = cluster.script("up").output().unwrap();
    assert!(!again.status.success());
    assert!(said(&again).contains("one runs already"), "{}", said(&again));

    println!("--- what the guide says to do");
    let commands = commands(&guide);
    let (preparation, commands) = commands.split_at(2);
    assert_eq!(commands.len(), SHOWS.len(), "each command of the guide has a line here");
    for (command, (start, words)) in commands.iter().zip(SHOWS) {
        assert!(command.starts_with(start), "{command:?} is not {start:?}");
        let script = [preparation, &[command]].concat().join("\n");
        let shown = || {
            let output = shell(&script);
            let lacks = |word: &&&str| !String::from_utf8_lossy(&output.stdout).contains(**word);
            match words.iter().find(lacks) {
                None if output.status.success() => Ok(said(&output)),
                lacks => Err(format!("{}: it lacks {lacks:?}: {}", output.status, said(&output))),
            }
        };
        println!("$ {command}");
        // Who only looks may look again: a controller acts in its own time.
        let looks =
            ["kubectl get", "kubectl describe"].iter().any(|start| command.starts_with(start))
                || command.contains("--dry-run");
        let text =
            if looks { eventually(command, async || shown()).await } else { shown().unwrap() };
        println!("{text}");
    }

    println!("--- what the book says to do");
    for page in PAGES {
        for block in blocks(&fs::read_to_string(top().join(page)).unwrap()) {
            if block.info != "console,cluster" {
                continue;
            }
            println!("{page}:{}\n{}", block.line, block.text);
            let output = shell(&[&preparation.join("\n"), block.text.as_str()].join("\n"));
            println!("{}", said(&output));
            assert!(output.status.success(), "{page}:{}", block.line);
        }
    }

    println!("--- ended, and nothing is left");
    let down = cluster.script("down").output().unwrap();
    assert!(down.status.success(), "{}", said(&down));
    assert_eq!(running(&dir), [""; 0]);
    assert!(!dir.exists());
    let down = cluster.script("down").output().unwrap();
    assert!(down.status.success(), "{}", said(&down));
    assert!(said(&down).contains("none is there to end"), "{}", said(&down));
}
