//! Without a network: a transaction read from a QR code, and codes for data that is no transaction. Nothing is sent.

use schemas::Timestamp;
use schemas::canonical::UserData;
use schemas::carried::CarriedName;

use super::Device;
use crate::confirm_code::{DIGITS_MAX, DIGITS_MIN, step_of};
use crate::error::LocalError;
use crate::shown::Shown;
use crate::transport::Transport;

impl<T: Transport> Device<T> {
    /// An offline transaction, from the text of its QR code. The caller shows it to the user; [`Device::confirm_code`] makes
    /// the code that the user carries to the bank.
    pub fn show_carried(&self, text: &str) -> Result<Shown, LocalError> {
        Shown::carried(&self.key.info, text)
    }

    /// The transaction that the QR code of a login names. It is fetched and shown like any other.
    pub fn named(&self, text: &str) -> Result<schemas::TransactionId, LocalError> {
        let info = &self.key.info;
        let named = CarriedName::parse(text).ok_or(LocalError::NotATransaction)?;
        if named.system_id != info.system_id || named.user_id != info.user_id {
            return Err(LocalError::ShownWithAnotherKey);
        }
        Ok(named.transaction_id)
    }

    /// The code for data that is no transaction: in `digits` decimal digits, else 64 hex digits. The caller shows the data
    /// to the user first.
    pub fn data_code(
        &self,
        data: &str,
        digits: Option<u8>,
        now: Timestamp,
    ) -> Result<String, LocalError> {
        if digits.is_some_and(|digits| !(DIGITS_MIN..=DIGITS_MAX).contains(&digits)) {
            return Err(LocalError::CodeLengthRefused);
        }
        let info = &self.key.info;
        let digest = UserData {
            system_id: &info.system_id,
            user_id: &info.user_id,
            data: data.as_bytes(),
        }
        .digest();
        let step = step_of(now, self.confirm_code_step_s);
        self.key.confirm_code(&digest, step, digits)
    }
}

#[cfg(test)]
mod tests {
    use schemas::canonical::TextType;
    use schemas::carried::CarriedTransaction;
    use schemas::{Digest, SystemId};

    use super::*;
    use crate::fake_server::{FakeServer, NOW, TRANSACTION, WHOLE_KEY};
    use crate::key::DeviceKey;

    fn carried(device: &Device<&FakeServer>) -> CarriedTransaction {
        let info = device.key().info();
        CarriedTransaction {
            v: 1,
            r#type: CarriedTransaction::TYPE.to_owned(),
            system_id: info.system_id.clone(),
            user_id: info.user_id.clone(),
            transaction_id: TRANSACTION.parse().unwrap(),
            text: "Перевод 5 ₽".to_owned(),
            text_type: TextType::Raw,
            salt: Digest([3; 32]),
            confirm_code_length: Some(8),
            expires_at: None,
        }
    }

    #[test]
    fn a_carried_transaction_is_shown_and_its_code_depends_on_every_letter() {
        let server = FakeServer::whole();
        let device = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), &server).unwrap();
        let honest = carried(&device);
        let shown = device.show_carried(&honest.to_text()).unwrap();
        assert_eq!(shown.text(), "Перевод 5 ₽");
        let code = device.confirm_code(&shown, NOW).unwrap();
        assert_eq!(code.len(), 8);
        let mut changed = honest;
        changed.text = "Перевод 6 ₽".to_owned();
        let other = device.show_carried(&changed.to_text()).unwrap();
        assert_ne!(shown.digest(), other.digest());
    }

    #[test]
    fn what_is_for_somebody_else_or_nothing_at_all_is_not_shown() {
        let server = FakeServer::whole();
        let device = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), &server).unwrap();
        let mut foreign = carried(&device);
        foreign.system_id = "00000000-0000-4000-8000-000000000000"
            .parse::<SystemId>()
            .unwrap();
        assert_eq!(
            device.show_carried(&foreign.to_text()).unwrap_err(),
            LocalError::ShownWithAnotherKey
        );
        let mut short = carried(&device);
        short.confirm_code_length = Some(3);
        for text in [short.to_text(), WHOLE_KEY.to_owned(), String::new()] {
            assert_eq!(
                device.show_carried(&text).unwrap_err(),
                LocalError::NotATransaction
            );
        }
        assert_eq!(
            device.named(&carried(&device).to_text()).unwrap_err(),
            LocalError::NotATransaction
        );
    }

    #[test]
    fn a_code_for_data_has_the_length_that_was_asked_for() {
        let server = FakeServer::whole();
        let device = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), &server).unwrap();
        for (digits, length) in [(None, 64), (Some(4), 4), (Some(10), 10)] {
            let code = device.data_code("order 42", digits, NOW).unwrap();
            assert_eq!(code.len(), length);
        }
        for digits in [3, 11] {
            assert_eq!(
                device.data_code("order 42", Some(digits), NOW),
                Err(LocalError::CodeLengthRefused)
            );
        }
    }
}
