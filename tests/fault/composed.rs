//! The house inside this process: real doors, real runners, a log and a bus in memory, and faults exactly where wanted.

mod buggy_log;
mod competition;
mod faults;
mod faulty_bus;
mod faulty_log;
mod planted;
mod simulation;
mod stage;
mod steps;
