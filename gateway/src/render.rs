//! What is drawn or spelled for people and phones: QR codes, and the key inside them.

pub(crate) mod key;
pub mod qr;
