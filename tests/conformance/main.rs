//! The same promises, held by every implementation and by the manual's own tables.

mod altered_log;
mod altered_stream;
mod bus;
mod contract;
mod event_log;
mod read_models;
mod state_hash;
