//! House rules that run as tests. They read files and nothing else: no server, no clock, no network.

mod documents;
mod files;
mod packages;
mod sizes;
mod sources;
