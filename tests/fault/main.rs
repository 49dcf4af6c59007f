//! Faults, and the checkers that judge them.
//!
//! `composed` breaks one part at a time inside this process and at an exact step; `killing` ends real processes under
//! load. Both leave a history of what the callers saw, and `checker` holds it against the log. `planted` builds known bugs
//! in and expects the checker to name each of them.

mod chance;
mod checker;
mod composed;
mod customer;
mod history;
mod killing;
mod tables;
