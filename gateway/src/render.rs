//! What is drawn or spelled for people and phones: QR codes, and the key inside them.

pub(crate) mod design;
pub(crate) mod key;
mod logo;
pub mod qr;
