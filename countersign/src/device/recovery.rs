//! Recovering a key at the command line: what can be set up, setting it up, and getting another key by it.

use bus::shell::{Clock as _, SystemClock};

use super::session::Session;
use super::terminal::ask;
use crate::AnyError;

/// The type of a template that takes a code word.
const CODE_WORD: &str = "code_word";

impl Session {
    pub(super) async fn list_recoveries(&self) -> Result<(), AnyError> {
        for template in self.device.recovery_templates(SystemClock.now()).await? {
            println!(
                "{}  {}  {}",
                template.template_id, template.method, template.title
            );
        }
        Ok(())
    }

    pub(super) async fn set_recovery(
        &self,
        template_id: &str,
        answer: Option<String>,
    ) -> Result<(), AnyError> {
        let templates = self.device.recovery_templates(SystemClock.now()).await?;
        let template = templates
            .iter()
            .find(|template| template.template_id == template_id)
            .ok_or("there is no such way; see: countersign device recoveries")?;
        let answer = given_or_asked(answer, &template.title)?;
        let now = SystemClock.now();
        if template.method == CODE_WORD {
            self.device.set_code_word(template_id, &answer, now).await?;
        } else {
            self.device
                .set_requisites(template_id, &answer, now)
                .await?;
        }
        println!("set up; another key comes with: countersign device recover");
        Ok(())
    }

    pub(super) async fn recover(&mut self, answer: Option<String>) -> Result<(), AnyError> {
        // An answer whose outcome nobody knows comes first: it may have brought the key already.
        let before = self.device.key().info().key_index;
        self.device.finish_recovery(SystemClock.now()).await?;
        if self.device.key().info().key_index == before {
            let challenge = self.device.recovery_challenge(SystemClock.now()).await?;
            let answer = given_or_asked(answer, "Answer")?;
            let now = SystemClock.now();
            if challenge.method == CODE_WORD {
                let answered = self.device.recover_with_code_word(&challenge, &answer, now);
                answered.await?;
            } else {
                let answered = self.device.recover_with_response(&challenge, &answer, now);
                answered.await?;
            }
        }
        // The server knows no password of the new key yet: the file opens with the password alone until it is registered.
        self.forget_locks();
        let key_index = self.device.key().info().key_index;
        println!("this is key {key_index} now; next: countersign device register");
        Ok(())
    }
}

fn given_or_asked(answer: Option<String>, question: &str) -> Result<String, AnyError> {
    match answer {
        Some(answer) => Ok(answer),
        None => ask(&format!("{question}: ")),
    }
}
