//! What a process uses, as Linux tells it.

use std::fs;

/// Seconds of processor time so far.
pub fn cpu(pid: u32) -> f64 {
    /// `sysconf(_SC_CLK_TCK)` on every Linux.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The second field is the program's name, in parentheses; user and system time are the 14th and
    // 15th.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}

/// A line of its memory's account, MiB: `VmRSS` is what is resident, `VmHWM` the most that was.
pub fn memory(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    value.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}
