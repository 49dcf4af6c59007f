//! The key ring against a model: random sequences of the bank, and of every phone that ever had a key of the user.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use schemas::answers::AnswerBody;
use schemas::commands::devices::SetFingerprint;
use schemas::commands::keys::{
    ActivateDelayedKey, ActivateKey, ExportUserKey, KeyCarrier, KeyParts,
};
use schemas::commands::keys::{KeyRequest, RegisterPublicKey, UpdateUserKey};
use schemas::commands::transactions::ListTransactions;
use schemas::commands::users::{BlockUser, UnblockUser};
use schemas::flags::{DENY_RENEW_PUBLIC_KEY, WITH_FINGERPRINT};
use schemas::{Digest, ErrorCode, Secret};

use crate::testing::{Device, Heard, Story, key_request};

#[derive(Clone, Debug)]
enum Step {
    Update {
        is_delayed: bool,
        two_parts: bool,
    },
    ActivateDelayed,
    Export {
        two_parts: bool,
    },
    Block,
    Unblock,
    /// The rest is done by the phone of one of the keys, whichever it is.
    Activate(usize),
    Register(usize),
    RegisterAnother(usize),
    Fingerprint(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any_phone = 0_usize..6;
    prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(is_delayed, two_parts)| Step::Update {
            is_delayed,
            two_parts
        }),
        Just(Step::ActivateDelayed),
        any::<bool>().prop_map(|two_parts| Step::Export { two_parts }),
        Just(Step::Block),
        Just(Step::Unblock),
        any_phone.clone().prop_map(Step::Activate),
        any_phone.clone().prop_map(Step::Register),
        any_phone.clone().prop_map(Step::RegisterAnother),
        any_phone.prop_map(Step::Fingerprint),
    ]
}

/// A phone with one key, and the code that came with it.
#[derive(Clone, Debug)]
struct Phone {
    device: Device,
    code: Option<Secret>,
}

/// What the ring should be. Keys are called by their numbers.
#[derive(Debug)]
struct Model {
    story: Story,
    phones: BTreeMap<u32, Phone>,
    current: u32,
    delayed: Option<u32>,
    complete: BTreeSet<u32>,
    registered: BTreeMap<u32, BTreeSet<Vec<u8>>>,
    blocked: bool,
}

fn request(two_parts: bool) -> KeyRequest {
    let mut request = key_request(parts(two_parts));
    request.flags.set(&DENY_RENEW_PUBLIC_KEY, 1);
    request.flags.set(&WITH_FINGERPRINT, 1);
    request
}

fn parts(two_parts: bool) -> KeyParts {
    if two_parts {
        KeyParts::TwoDrawCode { digits: 6 }
    } else {
        KeyParts::Whole
    }
}

impl Model {
    fn begin() -> Self {
        let story = Story::of_a_user_with(request(false));
        let mut model = Self {
            phones: BTreeMap::new(),
            current: 1,
            delayed: None,
            complete: BTreeSet::new(),
            registered: BTreeMap::new(),
            blocked: false,
            story,
        };
        model.hand_over(1, None, false);
        model
    }

    /// The key that was just issued goes to a phone of its own.
    fn hand_over(&mut self, number: u32, code: Option<Secret>, two_parts: bool) {
        let device = self.story.device.clone();
        assert_eq!(device.key_index.0, number);
        self.phones.insert(number, Phone { device, code });
        if two_parts {
            self.complete.remove(&number);
        } else {
            self.complete.insert(number);
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Update {
                is_delayed,
                two_parts,
            } => self.update(*is_delayed, *two_parts),
            Step::ActivateDelayed => self.activate_delayed(),
            Step::Export { two_parts } => self.export(*two_parts),
            Step::Block => {
                let reason = "lost".to_owned();
                self.story
                    .bank_asks(BlockUser { reason })
                    .happens(&["change_user"]);
                self.blocked = true;
            }
            Step::Unblock => {
                let heard = self.story.bank_asks(UnblockUser { reason: None });
                heard.happens(&["change_user"]);
                self.blocked = false;
            }
            Step::Activate(phone) => self.activate(*phone),
            Step::Register(phone) => {
                self.register(*phone, Device::registration);
            }
            Step::RegisterAnother(phone) => {
                self.register(*phone, Device::renewal);
            }
            Step::Fingerprint(phone) => {
                let number = self.number_of(*phone);
                let device_fingerprint = Digest([7; 32]);
                let heard =
                    self.phone_asks(number, |_| SetFingerprint { device_fingerprint }.into());
                let expected = self.expected(number, ErrorCode::Normal);
                assert_eq!(heard.code(), expected);
                self.in_force_after(number, expected);
            }
        }
    }

    fn update(&mut self, is_delayed: bool, two_parts: bool) {
        let key = request(two_parts);
        let number = self.phones.keys().max().unwrap() + 1;
        let heard = self.story.bank_asks(UpdateUserKey { key, is_delayed });
        heard.happens(&["update_user_key"]);
        let code = two_parts.then(|| self.story.drawn_code());
        self.hand_over(number, code, two_parts);
        if is_delayed {
            self.delayed = Some(number);
        } else {
            (self.current, self.delayed) = (number, None);
        }
    }

    fn activate_delayed(&mut self) {
        let heard = self.story.bank_asks(ActivateDelayedKey { key_index: None });
        match self.delayed.take() {
            Some(number) => {
                heard.happens(&["change_user", "put_key_in_force"]);
                self.current = number;
            }
            None => heard.is_refused(ErrorCode::KeyInfoNotFound),
        }
    }

    fn export(&mut self, two_parts: bool) {
        let heard = self.story.bank_asks(ExportUserKey {
            parts: parts(two_parts),
            app_extra: None,
            carrier: KeyCarrier::Text,
        });
        if self.blocked {
            heard.is_refused(ErrorCode::UserIsBlocked);
        } else if self.registered.contains_key(&self.current) {
            heard.is_refused(ErrorCode::PubkeyIsNotEmpty);
        } else {
            heard.happens(&["export_user_key"]);
            let code = two_parts.then(|| self.story.drawn_code());
            self.hand_over(self.current, code, two_parts);
        }
    }

    fn activate(&mut self, phone: usize) {
        let number = self.number_of(phone);
        let Some(code) = self.phones[&number].code.clone() else {
            return;
        };
        if self.complete.contains(&number) {
            return;
        }
        let heard = self.phone_asks(number, |device| {
            let proof = device.proof(&code);
            ActivateKey { proof }.into()
        });
        if self.is_alive(number) && !self.blocked {
            let AnswerBody::KeyActivated { released } = heard.answer() else {
                panic!("the second half was expected");
            };
            let phone = self.phones.get_mut(&number).unwrap();
            phone.device.open_released(&code, &released);
            self.complete.insert(number);
        } else if self.is_alive(number) {
            heard.is_refused(ErrorCode::UserIsBlocked);
        } else {
            heard.is_refused(ErrorCode::KeyIndexObsoleted);
        }
    }

    fn register(&mut self, phone: usize, with: impl Fn(&Device) -> RegisterPublicKey) {
        let number = self.number_of(phone);
        let command = with(&self.phones[&number].device);
        let public_key = command.public_key.clone();
        let known = self.registered.get(&number);
        let is_taken = known.is_none_or(|known| known.contains(&public_key));
        let otherwise = if is_taken {
            ErrorCode::Normal
        } else {
            ErrorCode::PubkeyIsNotEmpty
        };
        let heard = self.phone_asks(number, |_| command.into());
        let expected = self.expected(number, otherwise);
        assert_eq!(heard.code(), expected);
        if expected == ErrorCode::Normal {
            self.registered
                .entry(number)
                .or_default()
                .insert(public_key);
        }
        self.in_force_after(number, expected);
    }

    /// What a call hears that puts the delayed key in force, unless the call itself is refused.
    fn expected(&self, number: u32, otherwise: ErrorCode) -> ErrorCode {
        if !self.is_alive(number) {
            ErrorCode::KeyIndexObsoleted
        } else if self.blocked {
            ErrorCode::UserIsBlocked
        } else if self.complete.contains(&number) {
            otherwise
        } else {
            ErrorCode::KeyNotActivated
        }
    }

    fn in_force_after(&mut self, number: u32, heard: ErrorCode) {
        if heard == ErrorCode::Normal && self.delayed == Some(number) {
            (self.current, self.delayed) = (number, None);
        }
    }

    fn is_alive(&self, number: u32) -> bool {
        number == self.current || self.delayed == Some(number)
    }

    fn number_of(&self, phone: usize) -> u32 {
        *self.phones.keys().nth(phone % self.phones.len()).unwrap()
    }

    fn phone_asks(
        &mut self,
        number: u32,
        command: impl FnOnce(&Device) -> schemas::commands::Command,
    ) -> Heard {
        let command = command(&self.phones[&number].device);
        self.story.device = self.phones[&number].device.clone();
        let heard = self.story.device_asks(command);
        self.phones.get_mut(&number).unwrap().device = self.story.device.clone();
        heard
    }

    /// One key opens the door, and it is the model's.
    fn check(&mut self) {
        let numbers: Vec<u32> = self.phones.keys().copied().collect();
        for number in numbers {
            let statuses = Vec::new();
            let heard = self.phone_asks(number, |_| ListTransactions { statuses }.into());
            let opens = number == self.current && self.complete.contains(&number);
            let expected = match self.expected(number, ErrorCode::Normal) {
                ErrorCode::Normal if !opens => ErrorCode::KeyNotActivated,
                expected => expected,
            };
            assert_eq!(heard.code(), expected, "key {number} of {self:?}");
        }
        for (number, public_keys) in &self.registered {
            assert!(public_keys.len() <= 1, "key {number} has two public keys");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_key_is_in_force_and_it_has_one_public_key(steps in prop::collection::vec(step(), 1..30)) {
        let mut model = Model::begin();
        for step in &steps {
            model.take(step);
            model.check();
        }
    }
}
