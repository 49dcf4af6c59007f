//! A device at work: its key out of the file, one act, and back into the file.

use bus::shell::{Clock as _, SystemClock};
use device::{
    Answer, Declination, Device, DeviceKey, Error, KeyFile, OnlineLock, ReqwestTransport,
    ShownOperation, UnlockError,
};
use schemas::TransactionId;
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::flags::ONLINE_CREDENTIALS;

use super::Act;
use super::terminal::{ask, print_operation, text_of};
use crate::AnyError;

/// A device at work, and how its key is kept.
pub(super) struct Session {
    pub(super) device: Device<ReqwestTransport>,
    file: KeyFile,
    password: String,
    /// What opens the file: nothing but the password while this is empty; two locks while nobody knows which password the
    /// server has.
    locks: Vec<OnlineLock>,
}

/// Whether the user has agreed beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    Given,
    ToBeAsked,
}

impl Consent {
    fn of(yes: bool) -> Self {
        if yes { Self::Given } else { Self::ToBeAsked }
    }
}

impl Session {
    /// Opens the file, with the server's help when it has a part in that.
    pub(super) async fn open(
        file: KeyFile,
        url: Option<&str>,
        password: String,
    ) -> Result<Self, AnyError> {
        let transport = ReqwestTransport::new()?;
        let (key, locks) = unlock(&file, url, &password, &transport).await?;
        let device = match url {
            Some(url) => Device::at(url, key, transport)?,
            None => Device::new(key, transport)?,
        };
        Ok(Self {
            device,
            file,
            password,
            locks,
        })
    }

    /// Puts the key back into its file.
    pub(super) fn save(&self) -> Result<(), AnyError> {
        let key = self.device.key();
        if self.locks.is_empty() {
            self.file.save(key, &self.password)?;
        } else {
            let locks: Vec<&OnlineLock> = self.locks.iter().collect();
            self.file.save_online(key, &locks)?;
        }
        Ok(())
    }

    /// From here on the file opens with the password alone.
    pub(super) fn forget_locks(&mut self) {
        self.locks.clear();
    }

    /// Carries out one act.
    pub(super) async fn act(&mut self, act: Act) -> Result<(), AnyError> {
        let now = SystemClock.now();
        let device = &mut self.device;
        match act {
            Act::Import { .. } => unreachable!("handled before a key is loaded"),
            Act::Activate { code } => {
                device.activate(&code, now).await?;
                println!("activated; next: countersign device register");
            }
            Act::Register { push_token } => self.register(push_token).await?,
            Act::Password { new } => self.change_password(new).await?,
            Act::List => {
                for line in device.list(now).await? {
                    println!("{}  {}", line.transaction_id, line.status.word());
                }
            }
            Act::Show { transaction_id } => {
                let shown = device.show(&transaction_id, now).await?;
                println!("{}", shown.rendered_text());
            }
            Act::Confirm {
                transaction_id,
                yes,
            } => self.confirm(&transaction_id, Consent::of(yes)).await?,
            Act::Offline { text } => {
                let shown = device.show_carried(text_of(&text)?.trim())?;
                println!("{}\n", shown.rendered_text());
                println!("code: {}", device.confirm_code(&shown, now)?);
            }
            Act::Login { text, yes } => {
                let transaction_id = device.named(text_of(&text)?.trim())?;
                self.confirm(&transaction_id, Consent::of(yes)).await?;
            }
            Act::Code { data, digits } => println!("{}", device.data_code(&data, digits, now)?),
            Act::Operations => {
                for line in device.operations(now).await? {
                    println!(
                        "{}  {}  {} of {} wait",
                        line.operation_id,
                        line.status.word(),
                        line.transactions_waiting,
                        line.transactions_total
                    );
                }
            }
            Act::Operation { operation_id } => {
                print_operation(&device.show_operation(&operation_id, now).await?);
            }
            Act::Process {
                operation_id,
                declined,
                reason,
                yes,
            } => {
                let shown = device.show_operation(&operation_id, now).await?;
                print_operation(&shown);
                let why = Declination { reason, code: None };
                let answers = answers(&shown, &declined, &why);
                let confirmed = answers.len() - declined.len().min(answers.len());
                let question = format!("Confirm {confirmed} of these exactly as shown? [yes/no] ");
                if !yes && ask(&question)? != "yes" {
                    return Err("nothing was answered".into());
                }
                let processed = device
                    .process(&operation_id, &answers, SystemClock.now())
                    .await?;
                println!("{}", processed.status.word());
            }
            Act::Autoconfirm { session } => self.autoconfirm(&session).await?,
            Act::Recoveries => self.list_recoveries().await?,
            Act::SetRecovery {
                template_id,
                answer,
            } => self.set_recovery(&template_id, answer).await?,
            Act::Recover { answer } => self.recover(answer).await?,
            Act::Decline {
                transaction_id,
                reason,
            } => {
                let why = Declination { reason, code: None };
                device.decline(&transaction_id, &why, now).await?;
                println!("declined");
            }
        }
        Ok(())
    }

    /// Shows a transaction and, when the user agrees, signs exactly what was shown.
    async fn confirm(
        &self,
        transaction_id: &TransactionId,
        consent: Consent,
    ) -> Result<(), AnyError> {
        let shown = self.device.show(transaction_id, SystemClock.now()).await?;
        println!("{}", shown.rendered_text());
        if consent == Consent::ToBeAsked && ask("Confirm exactly this? [yes/no] ")? != "yes" {
            return Err("not confirmed; decline it with: countersign device decline".into());
        }
        self.device.confirm(&shown, SystemClock.now()).await?;
        println!("confirmed");
        Ok(())
    }

    /// Lets the bank's scoring decide about everything that waits, one by one.
    async fn autoconfirm(&self, session: &str) -> Result<(), AnyError> {
        for offer in self.device.autoconfirm_list(SystemClock.now()).await? {
            let id = &offer.transaction.transaction_id;
            let confirmed = self
                .device
                .autoconfirm(&offer, session, SystemClock.now())
                .await;
            match confirmed {
                Ok(()) => println!("{id}  confirmed"),
                Err(error) => println!("{id}  left to you: {error}"),
            }
        }
        Ok(())
    }

    async fn register(&mut self, push_token: Option<String>) -> Result<(), AnyError> {
        let now = SystemClock.now();
        let push = push_token.map(|device_push_id| PushAddress {
            device_push_id,
            device_type: DeviceType::Android,
            app_id: None,
        });
        if !self.device.key().is_registration_pending() {
            self.device.prepare_registration(push.as_ref(), now)?;
            self.save()?;
        }
        self.device.register(push.as_ref(), now).await?;
        println!("registered");
        self.protect().await
    }

    /// From here on the file opens with the server's help only, when the key asks for that and there is a password.
    async fn protect(&mut self) -> Result<(), AnyError> {
        let asks = self.device.key().info().key_flags.has(&ONLINE_CREDENTIALS);
        if !asks || !self.locks.is_empty() || self.password.is_empty() {
            return Ok(());
        }
        // What was just registered must not wait for the password.
        self.save()?;
        let lock = self.device.protect(&self.password, SystemClock.now());
        self.locks = vec![lock.await?];
        println!("the password is checked by the server from now on");
        Ok(())
    }

    async fn change_password(&mut self, new: Option<String>) -> Result<(), AnyError> {
        let new = match new {
            Some(new) => new,
            None => ask("New password of the key: ")?,
        };
        let Some(old) = self.locks.first() else {
            self.file.save(self.device.key(), &new)?;
            self.password = new;
            println!("password changed");
            return Ok(());
        };
        let lock = self.device.prepare_password_change(old, &new)?;
        // With both locks no crash and no lost answer can lock the user out.
        self.locks.push(lock);
        self.save()?;
        let [old, lock] = &self.locks[..] else {
            unreachable!("a file that was opened has one lock, and another was added");
        };
        let changed = self
            .device
            .change_password(old, lock, SystemClock.now())
            .await;
        match changed {
            Ok(()) => {
                self.locks.remove(0);
                println!("password changed");
                Ok(())
            }
            Err(error) => {
                // An open outcome leaves both: the next use shows which password the server has.
                if error.is_final() {
                    self.locks.pop();
                }
                Err(error.into())
            }
        }
    }
}

/// The key of the file, with its lock when the server has a part in that.
async fn unlock(
    file: &KeyFile,
    url: Option<&str>,
    password: &str,
    transport: &ReqwestTransport,
) -> Result<(DeviceKey, Vec<OnlineLock>), AnyError> {
    if !file.is_online()? {
        return Ok((file.load(password)?, Vec::new()));
    }
    let unlocked = file
        .locked()?
        .unlock(url, password, transport, SystemClock.now())
        .await;
    match unlocked {
        Ok((key, lock)) => Ok((key, vec![lock])),
        Err(UnlockError::Call(Error::Server(refusal))) if refusal.attempts_left.is_some() => {
            let left = refusal.attempts_left.unwrap_or_default();
            Err(format!("{refusal}; {left} tries are left").into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Yes to everything that waits, but no to what is declined.
fn answers<'a>(
    shown: &'a ShownOperation,
    declined: &'a [TransactionId],
    why: &'a Declination,
) -> Vec<Answer<'a>> {
    let waiting = shown
        .members
        .iter()
        .filter_map(|member| member.shown.as_ref());
    let confirmed = waiting.filter(|shown| !declined.contains(shown.transaction_id()));
    let no = declined.iter().map(|id| Answer::Decline(id, why));
    confirmed.map(Answer::Confirm).chain(no).collect()
}
