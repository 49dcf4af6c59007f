//! The test house: real servers on private folders and free ports, started and ended by the tests themselves.

pub mod coverage;
pub mod house;
pub mod made_log;
pub mod nats;
pub mod postgres;
