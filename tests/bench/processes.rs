//! CPU and memory of other processes, from /proc.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// CPU ticks per second: USER_HZ, 100 on every Linux this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a family of processes has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU seconds, user and system, of the living and of the reaped.
    pub cpu_s: f64,
    /// Peak resident memory, MiB, summed over the living.
    pub peak_memory_mib: f64,
}

/// Usage of one process alone.
pub fn of_process(pid: u32) -> Usage {
    Usage {
        cpu_s: cpu_s(pid).unwrap_or_default(),
        peak_memory_mib: peak_memory_mib(pid).unwrap_or_default(),
    }
}

/// CPU that the calling thread has used so far. Unlike the time on the wall, neighbours on the machine do not stretch it.
pub fn cpu_of_this_thread() -> std::io::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok());
    let nanoseconds = nanoseconds.ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Usage of a process and everything below it.
pub fn of_family(root: u32) -> Usage {
    family(root)
        .into_iter()
        .map(of_process)
        .fold(Usage::default(), |sum, usage| Usage {
            cpu_s: sum.cpu_s + usage.cpu_s,
            peak_memory_mib: sum.peak_memory_mib + usage.peak_memory_mib,
        })
}

/// The child of a process whose command has that name.
pub fn child_named(parent: u32, name: &str) -> Option<u32> {
    family(parent).into_iter().find(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|comm| comm.trim().starts_with(name))
    })
}

fn family(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let entries = std::fs::read_dir(Path::new("/proc"))
        .into_iter()
        .flatten()
        .flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(parent) = stat_field(pid, 1) {
            children.entry(parent as u32).or_default().push(pid);
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while next < family.len() {
        family.extend(children.remove(&family[next]).unwrap_or_default());
        next += 1;
    }
    family
}

/// User, system, and the same of reaped children.
fn cpu_s(pid: u32) -> Option<f64> {
    let ticks: u64 = (11..=14)
        .map(|field| stat_field(pid, field))
        .sum::<Option<u64>>()?;
    Some(ticks as f64 / TICKS_PER_SECOND)
}

/// A field of /proc/PID/stat, counted from the state (0), after the command's closing bracket.
fn stat_field(pid: u32, field: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(field)?.parse().ok()
}

fn peak_memory_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
