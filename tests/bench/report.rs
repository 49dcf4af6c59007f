//! The table, and the same as JSON.

use std::path::Path;

use serde::Serialize;

use crate::limits::Limits;
use crate::load::Measured;
use crate::service::Usages;

/// Everything measured in one run.
#[derive(Debug, Serialize)]
pub struct Report {
    limits: Limits,
    measured: Vec<Line>,
    memory: Vec<Memory>,
}

#[derive(Debug, Serialize)]
struct Line {
    store: &'static str,
    work: &'static str,
    #[serde(flatten)]
    measured: Measured,
    /// CPU of our program per operation, microseconds.
    ours_cpu_us: f64,
    /// CPU of nats-server per operation, microseconds.
    nats_cpu_us: f64,
    /// CPU of PostgreSQL per operation, microseconds.
    postgres_cpu_us: f64,
    /// CPU of all of them per operation, in verifications of the library used.
    cpu_in_verifications: f64,
}

#[derive(Debug, Serialize)]
struct Memory {
    store: &'static str,
    ours_peak_mib: f64,
    nats_peak_mib: f64,
    postgres_peak_mib: f64,
}

impl Report {
    /// A report beside these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            measured: Vec::new(),
            memory: Vec::new(),
        }
    }

    /// Adds a measurement with what the processes used meanwhile.
    pub fn add(
        &mut self,
        store: &'static str,
        work: &'static str,
        measured: Measured,
        usage: Usages,
    ) {
        let per_operation = |cpu_s: f64| cpu_s * 1e6 / (measured.operations.max(1) as f64);
        let (ours, nats, postgres) = (
            per_operation(usage.ours.cpu_s),
            per_operation(usage.nats.cpu_s),
            per_operation(usage.postgres.cpu_s),
        );
        let verification_us = 1e6 / self.limits.verifications_per_core_second;
        self.measured.push(Line {
            store,
            work,
            measured,
            ours_cpu_us: ours,
            nats_cpu_us: nats,
            postgres_cpu_us: postgres,
            cpu_in_verifications: (ours + nats + postgres) / verification_us,
        });
    }

    /// Adds the peaks of memory at the end of a store's run.
    pub fn memory(&mut self, store: &'static str, usage: &Usages) {
        self.memory.push(Memory {
            store,
            ours_peak_mib: usage.ours.peak_memory_mib,
            nats_peak_mib: usage.nats.peak_memory_mib,
            postgres_peak_mib: usage.postgres.peak_memory_mib,
        });
    }

    /// Prints the table.
    pub fn print(&self) {
        println!(
            "\nlimits: {:.0} P-256 verifications per core-second, {:.0} fdatasync per second",
            self.limits.verifications_per_core_second, self.limits.fdatasync_per_second
        );
        println!(
            "service, databases, receiver and load generator share this machine; CPU is per operation\n"
        );
        println!(
            "store       work               load            ops/s   failed  p50 ms  p99 ms   ours us  nats us    pg us  in verifications"
        );
        for line in &self.measured {
            let measured = &line.measured;
            println!(
                "{:<11} {:<18} {:<13} {:>7.0} {:>8} {:>7.1} {:>7.1} {:>9.0} {:>8.0} {:>8.0} {:>17.1}",
                line.store,
                line.work,
                measured.load,
                measured.per_second,
                measured.failures,
                measured.p50_ms,
                measured.p99_ms,
                line.ours_cpu_us,
                line.nats_cpu_us,
                line.postgres_cpu_us,
                line.cpu_in_verifications,
            );
        }
        println!();
        for memory in &self.memory {
            println!(
                "{:<11} peak memory: ours {:.0} MiB, nats-server {:.0} MiB, PostgreSQL {:.0} MiB (shared pages counted per process)",
                memory.store, memory.ours_peak_mib, memory.nats_peak_mib, memory.postgres_peak_mib
            );
        }
    }

    /// Writes the JSON.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, serde_json::to_vec_pretty(self)?)
    }
}
