//! The slow derivation a device puts before its password: the server says how, the device computes it. RFC 9106, second
//! recommendation, in one lane.

/// Its name on the wire. Version 1.3, 32 bytes of output.
pub const NAME: &str = "argon2id";
/// Memory, KiB.
pub const MEMORY_KIB: u32 = 64 * 1024;
/// How often the memory is gone over.
pub const PASSES: u32 = 3;
/// How many threads could share the work.
pub const LANES: u32 = 1;
