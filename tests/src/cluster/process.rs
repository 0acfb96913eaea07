//! Programs that never outlive the test program.
//!
//! The kernel kills them when it ends, for whatever reason (`setpriv --pdeathsig`). That
//! signal is tied to the *thread* that started the program, so one thread that lives as
//! long as the process starts them all.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};

use super::hosts::Hosts;

struct Order {
    command: Command,
    answer: mpsc::Sender<(Command, io::Result<Child>)>,
}

static STARTER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
    let (orders, queue) = mpsc::channel::<Order>();
    std::thread::spawn(move || {
        for Order { mut command, answer } in queue {
            let child = command.spawn();
            answer.send((command, child)).ok();
        }
    });
    Mutex::new(orders)
});

/// A program to run, built like a [`Command`].
pub struct Program {
    name: &'static str,
    command: Command,
}

/// Runs the rest of its arguments with the death signal set, unless the test program, whose
/// process id comes first, has died before that.
const DIE_WITH_PARENT: &str = r#"[ "$PPID" = "$1" ] && shift && exec "$@""#;

/// Gives a program files of its own over `/etc/hosts` and `/etc/resolv.conf`.
const MOUNT_HOSTS: &str =
    r#"mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@""#;

impl Program {
    /// The program at `path`; `name` is what its log is called.
    pub fn new(name: &'static str, path: &Path) -> Self {
        let mut command = Command::new("setpriv");
        die_with_us(&mut command);
        command.arg(path);
        Self { name, command }
    }

    /// The same, with its own `/etc/hosts` and `/etc/resolv.conf`, as a pod has. Nothing
    /// else sees these mounts; they need no rights beyond a user namespace.
    pub(super) fn with_hosts(name: &'static str, path: &Path, hosts: &Hosts) -> Self {
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c", MOUNT_HOSTS, "sh"])
            .args([&hosts.hosts, &hosts.resolver])
            // The kernel clears the signal of a process that enters a user namespace.
            .arg("setpriv");
        die_with_us(&mut command);
        command.arg(path);
        Self { name, command }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it. Its output is appended to `<dir>/logs/<name>.log`.
    pub fn start(mut self, dir: &Path) -> Process {
        let logs = dir.join("logs");
        fs::create_dir_all(&logs).expect("a directory for logs");
        let log = logs.join(format!("{}.log", self.name));
        let output = OpenOptions::new().create(true).append(true).open(&log).expect("a log file");
        self.command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of the log"))
            .stderr(output);
        let (command, child) = spawn(self.name, self.command);
        Process { name: self.name, log, running: Mutex::new((Some(command), child)) }
    }

    /// Runs it to a good end; after a bad one again, as the kubelet does with init
    /// containers.
    pub async fn finish(self, dir: &Path) {
        let process = self.start(dir);
        super::eventually(process.name, async || match process.exit_status() {
            Some(status) if status.success() => Ok(()),
            Some(_) => {
                process.restart();
                Err(process.log_tail())
            }
            None => Err("still running".to_owned()),
        })
        .await;
    }
}

/// The arguments of `setpriv`, but for the program.
fn die_with_us(command: &mut Command) {
    let pid = std::process::id().to_string();
    command.args(["--pdeathsig", "KILL", "sh", "-c", DIE_WITH_PARENT, "sh"]).arg(pid);
}

fn spawn(name: &str, command: Command) -> (Command, Child) {
    let (answer, answered) = mpsc::channel();
    let order = Order { command, answer };
    let starter = STARTER.lock().expect("the starter's queue");
    starter.send(order).expect("the starter lives");
    drop(starter);
    let (command, child) = answered.recv().expect("the starter answers");
    let child = child.unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
    (command, child)
}

/// A running program. It can be killed, and started again as it was.
pub struct Process {
    name: &'static str,
    /// What it writes.
    pub log: PathBuf,
    running: Mutex<(Option<Command>, Child)>,
}

impl Process {
    /// Ends it without warning, as a crash does.
    pub fn kill(&self) {
        let mut running = self.running.lock().expect("the process");
        running.1.kill().ok();
        running.1.wait().expect("the killed process is ours");
    }

    /// Starts it again, killing it first if it runs.
    pub fn restart(&self) {
        self.kill();
        let mut running = self.running.lock().expect("the process");
        let command = running.0.take().expect("a command between two starts");
        let (command, child) = spawn(self.name, command);
        *running = (Some(command), child);
    }

    /// Starts it again if it has ended, and says so.
    pub(super) fn restart_if_ended(&self) {
        if let Some(status) = self.exit_status() {
            eprintln!("cluster: {} ended ({status}) and is started again", self.name);
            self.restart();
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.lock().expect("the process").1.id()
    }

    /// How it ended; `None` while it runs.
    pub fn exit_status(&self) -> Option<std::process::ExitStatus> {
        let mut running = self.running.lock().expect("the process");
        running.1.try_wait().expect("the process is ours")
    }

    /// For use while waiting for it to become ready: if it has ended it never will.
    pub fn assert_running(&self) {
        if let Some(status) = self.exit_status() {
            panic!("{} ended: {status}\n{}", self.name, self.log_tail());
        }
    }

    /// The last lines it wrote.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(25).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}
