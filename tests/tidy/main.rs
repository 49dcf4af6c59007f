//! House rules that run as tests. They read files, and ask cargo what is built: no server, no clock, no network.

mod documents;
mod files;
mod licenses;
mod packages;
mod sizes;
mod sources;
