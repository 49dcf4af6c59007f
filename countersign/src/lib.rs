//! The program's parts: roles composed, and the bank's side as the demo, the tests and the bench play it.

pub mod bank;
pub mod camera;
pub mod process;
pub mod receiver;
pub mod registration;
