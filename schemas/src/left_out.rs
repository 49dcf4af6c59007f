//! When a member of a body is left out: the condition that serde asks for.

/// Is it the value that a missing member means?
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference over"
)]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}
