//! What is remembered of a key's password. Nothing that follows from it.

use schemas::CommandId;
use schemas::events::credentials::CredentialsEvent;

/// How far a key's password got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Password {
    pub(super) standing: Standing,
    /// Wrong tries since the last right one.
    failed: u32,
    /// Commands whose try was counted and not yet looked at.
    reserved: Vec<CommandId>,
    /// The limit was reached.
    is_blocked: bool,
}

/// What there is to check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    #[default]
    Nothing,
    /// A salt, and no password yet.
    Salted,
    /// A password.
    Set,
}

impl Password {
    /// Were all tries used up, and looked at?
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Is there a password?
    pub(crate) fn is_set(&self) -> bool {
        self.standing == Standing::Set
    }

    /// Tries that count: looked at and wrong, or not looked at yet.
    pub(crate) fn used(&self) -> u32 {
        let reserved = u32::try_from(self.reserved.len()).unwrap_or(u32::MAX);
        self.failed.saturating_add(reserved)
    }

    /// Was a try counted for this command?
    pub(super) fn has_reserved(&self, command_id: CommandId) -> bool {
        self.reserved.contains(&command_id)
    }

    /// Wrong tries, should the next one be wrong as well.
    pub(super) fn failed_with_another(&self) -> u32 {
        self.failed.saturating_add(1)
    }

    /// Folds a fact. After a right password, what was counted before counts no more: whoever knows the password may mistype
    /// it again. A try that was counted and is looked at later is then counted anew.
    pub(crate) fn evolve(&mut self, event: &CredentialsEvent, cause: CommandId) {
        match event {
            CredentialsEvent::SaltGiven(_) => {
                if self.standing == Standing::Nothing {
                    self.standing = Standing::Salted;
                }
            }
            CredentialsEvent::PasswordTried(event) => self.reserved.push(event.command_id),
            CredentialsEvent::PasswordFailed(event) => {
                self.reserved.retain(|reserved_by| *reserved_by != cause);
                self.failed = self.failed_with_another();
                self.is_blocked |= event.blocked;
            }
            CredentialsEvent::PasswordSet(_) => {
                self.standing = Standing::Set;
                self.restore_tries();
            }
            CredentialsEvent::AccessReleased(_) => self.restore_tries(),
        }
    }

    /// All tries are there again.
    pub(crate) fn restore_tries(&mut self) {
        self.failed = 0;
        self.reserved.clear();
        self.is_blocked = false;
    }
}
