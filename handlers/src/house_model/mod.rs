//! Every command against a model: a hundred thousand random steps of banks, devices, operators and the house itself, and
//! no difference between what the deciders answer and what a plain telling of the rules answers.
//!
//! A run can be had again: its seed stands in the message.

mod autosign;
mod bank;
mod chance;
mod device;
mod key;
mod messages;
mod recovery;
mod rules;
mod steps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemas::answers::AnswerBody;
use schemas::commands::systems::RemoveSystem;
use schemas::commands::transactions::TransactionStatus;
use schemas::commands::users::GetUserInfo;
use schemas::commands::{Command, words};
use schemas::{Digest, ErrorCode, Secret, Timestamp};

use self::autosign::SCORE_MIN;
use self::chance::Chance;
use self::key::{ACTIVATION_TRIES, Key, PASSWORD_TRIES};
use self::recovery::RECOVERY_TRIES;
use self::rules::{Asking, Heard, Status, Tries, User, code_of};
use self::steps::{request, wrong};
use crate::owner::OwnerState;
use crate::testing::{Device, NOW, Story, register_system};

const RUNS: u64 = 250;
const STEPS: usize = 400;
/// Steps before those that a failure tells of.
const TRAIL: usize = 12;

/// The house, and what it should be.
struct House {
    seed: u64,
    chance: Chance,
    story: Story,
    user: User,
    phones: BTreeMap<u32, Phone>,
    /// Grants of analysts by name: whether they are in force.
    grants: BTreeMap<&'static str, bool>,
    /// Somebody else's key pair.
    strange: Device,
    poster_codes: Tries,
    /// What the last device was answered, when it happened.
    answered: Option<AnswerBody>,
    /// Counts up so that new transactions get new ids from time to time.
    generation: u64,
    trail: VecDeque<String>,
    /// The words of the commands that were given, and what was heard.
    said: BTreeSet<&'static str>,
    heard: BTreeSet<ErrorCode>,
}

/// A phone with one key, and the code that came with it.
#[derive(Clone, Debug)]
struct Phone {
    device: Device,
    code: Option<Secret>,
}

impl House {
    fn begin(seed: u64) -> Self {
        let mut chance = Chance::of(seed);
        let two_parts = chance.once_in(3);
        let flags = [(); 5].map(|()| chance.once_in(2));
        let mut story = Story::of_a_user_with(request(two_parts, flags));
        let key = Key::issued(1, NOW.0, two_parts, flags);
        let mut user = User::begin(NOW.0, key);
        for (limit, tries) in [
            ("ONLINE_ACTIVATION_ATTEMPTS", ACTIVATION_TRIES),
            ("ONLINE_PASSWORD_ATTEMPTS", PASSWORD_TRIES),
            ("EXT_AUTH_FAIL_LIMIT", RECOVERY_TRIES),
        ] {
            story.set(limit, &tries.to_string());
        }
        if !chance.once_in(4) {
            let scoring = format!(
                r#"{{"url":"https://score.example/","score_min":{SCORE_MIN},"application":{{}}}}"#
            );
            story.set("SCORING_SETTINGS", &scoring);
            user.scoring_is_set = true;
        }
        let strange = Device::stranger(&story.system_id, &story.user_id);
        let mut house = Self {
            seed,
            chance,
            user,
            phones: BTreeMap::new(),
            grants: BTreeMap::new(),
            strange,
            poster_codes: Tries::default(),
            answered: None,
            generation: 0,
            trail: VecDeque::new(),
            said: BTreeSet::new(),
            heard: BTreeSet::new(),
            story,
        };
        house.hand_over(1, two_parts);
        if !house.chance.once_in(4) {
            house.offer_recovery();
        }
        house
    }

    /// The key that was just issued goes to a phone of its own.
    fn hand_over(&mut self, number: u32, two_parts: bool) {
        let device = self.story.device.clone();
        assert_eq!(device.key_index.0, number);
        let code = two_parts.then(|| self.story.drawn_code());
        self.phones.insert(number, Phone { device, code });
    }

    fn a_phone(&mut self) -> u32 {
        let delayed = self.user.delayed.as_ref().map(|key| key.number);
        match (self.chance.below(10), delayed) {
            (0 | 1, Some(delayed)) => delayed,
            (2, _) => {
                let numbers: Vec<u32> = self.phones.keys().copied().collect();
                self.chance.one_of(&numbers)
            }
            _ => self.user.current.number,
        }
    }

    /// Can the phone of the key in force make codes?
    fn holds_the_key(&self) -> bool {
        !self.user.deleted && !self.user.current.waits
    }

    fn take_current_phone(&mut self) {
        let mut device = self.phones[&self.user.current.number].device.clone();
        let bound = self.user.current.bound;
        let fingerprint = self.user.current.fingerprint.filter(|_| bound);
        device.fingerprint = fingerprint.map(|value| Digest([value; 32]));
        self.story.device = device;
    }

    fn code_for(&mut self, id: &str, is_right: bool) -> String {
        let known = self.user.transactions.get(id);
        let digits = known.and_then(|transaction| transaction.digits);
        let right = if known.is_some() && self.holds_the_key() {
            self.take_current_phone();
            self.story.code(id, 0)
        } else {
            "0".repeat(digits.map_or(64, usize::from))
        };
        if is_right { right } else { wrong(&right) }
    }

    fn digest_of(&self, id: &str) -> Digest {
        if self.user.transactions.contains_key(id) && !self.user.deleted {
            self.story.digest(id)
        } else {
            Digest([1; 32])
        }
    }

    /// What the rules say of a bank's command, as long as there is a user.
    fn alive(&mut self, rule: impl FnOnce(&mut User) -> Heard) -> Heard {
        if self.user.deleted {
            return Err(ErrorCode::UserIsDeleted);
        }
        rule(&mut self.user)
    }

    /// What the rules say of a device's command, if the device is let in.
    fn admitted(
        &mut self,
        number: u32,
        asking: Asking,
        rule: impl FnOnce(&mut User) -> Heard,
    ) -> Heard {
        if self.user.deleted {
            return Err(ErrorCode::HttpAuthCodeInvalid);
        }
        self.user.admits(number, asking)?;
        rule(&mut self.user)
    }

    /// The bank asks; did it happen?
    fn bank(&mut self, command: impl Into<Command>, heard: Heard) -> bool {
        let heard = self.alive(|_| heard);
        let command = self.note(command);
        let answered = self.story.bank_asks(command);
        self.compare(answered.code(), code_of(heard));
        heard.is_ok()
    }

    fn operators(&mut self, command: impl Into<Command>, heard: Heard) {
        let heard = self.alive(|_| heard);
        let command = self.note(command);
        let answered = self.story.operator_asks(command);
        self.compare(answered.code(), code_of(heard));
    }

    fn device(&mut self, number: u32, command: impl Into<Command>, heard: Heard) -> bool {
        let command = self.note(command);
        self.story.device = self.phones[&number].device.clone();
        let answered = self.story.device_asks(command);
        self.phones
            .get_mut(&number)
            .expect("the phone is there")
            .device = self.story.device.clone();
        self.compare(answered.code(), code_of(heard));
        self.answered = heard.is_ok().then(|| answered.answer());
        heard.is_ok()
    }

    fn system(&mut self, command: impl Into<Command>, expected: ErrorCode) {
        let command = self.note(command);
        let answered = self.story.system_asks(command);
        self.compare(answered.code(), expected);
    }

    fn administrator(&mut self, command: impl Into<Command>, expected: ErrorCode) {
        let command = self.note(command);
        let answered = self.story.administrator_asks(command);
        self.compare(answered.code(), expected);
    }

    fn house(&mut self, command: impl Into<Command>) {
        let command = self.note(command);
        let answered = self.story.house_asks(command);
        self.compare(answered.code(), ErrorCode::Normal);
    }

    fn note(&mut self, command: impl Into<Command>) -> Command {
        let command = command.into();
        self.said.insert(command.word());
        let told = format!("{command:?}");
        if self.trail.len() == TRAIL {
            self.trail.pop_front();
        }
        self.trail.push_back(told);
        command
    }

    fn compare(&mut self, answered: ErrorCode, expected: ErrorCode) {
        self.heard.insert(answered);
        assert_eq!(
            answered, expected,
            "seed {}: {:#?}\n{:#?}",
            self.seed, self.trail, self.user
        );
    }

    /// What is remembered is what the rules remember.
    fn check(&self) {
        let OwnerState::User(user) = &self.story.state else {
            unreachable!("the story is about a user")
        };
        let Ok(person) = user.life.present() else {
            assert!(self.user.deleted, "seed {}", self.seed);
            return;
        };
        let now = Timestamp(self.user.now);
        for (id, expected) in &self.user.transactions {
            let known = person.transactions.get(&id.parse().expect("an id"));
            let status = known.expect("it was created").status(now);
            let expected = wire_status(expected.status(self.user.now));
            assert_eq!(
                status, expected,
                "seed {}, {id}: {:#?}",
                self.seed, self.trail
            );
        }
        let keys = (&person.keys.current, &self.user.current);
        let remembered = (keys.0.index.0, keys.0.status(), keys.0.tries);
        let expected = (keys.1.number, keys.1.status(), keys.1.tries);
        assert_eq!(
            remembered, expected,
            "seed {}: {:#?}",
            self.seed, self.trail
        );
        let delayed = person.keys.delayed.as_ref().map(|key| key.index.0);
        let expected = self.user.delayed.as_ref().map(|key| key.number);
        assert_eq!(delayed, expected, "seed {}", self.seed);
        assert_eq!(
            person.is_blocked(),
            self.user.is_blocked(),
            "seed {}",
            self.seed
        );
    }

    /// The bank leaves: nothing of it is served any more, and its name is not given away again.
    fn end(&mut self) {
        self.system(register_system(), ErrorCode::SystemIdNotUnique);
        self.system(RemoveSystem {}, ErrorCode::Normal);
        let command = self.note(GetUserInfo {});
        let answered = self.story.bank_asks(command);
        self.compare(answered.code(), ErrorCode::SystemIsDeleted);
    }
}

fn wire_status(status: Status) -> TransactionStatus {
    match status {
        Status::Initialized => TransactionStatus::Initialized,
        Status::PushSent => TransactionStatus::PushSent,
        Status::DataSent => TransactionStatus::DataSent,
        Status::Confirmed => TransactionStatus::Confirmed,
        Status::Declined => TransactionStatus::Declined,
        Status::Expired => TransactionStatus::Expired,
        Status::Deleted => TransactionStatus::Deleted,
    }
}

#[test]
fn a_hundred_thousand_steps_go_as_the_rules_say() {
    let (mut said, mut heard) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..RUNS {
        let mut house = House::begin(seed);
        for step in 0..STEPS {
            house.generation = step as u64 / 100;
            house.step();
            house.check();
        }
        house.end();
        said.append(&mut house.said);
        heard.append(&mut house.heard);
    }
    let unsaid: Vec<_> = words().filter(|(word, _)| !said.contains(word)).collect();
    assert!(unsaid.is_empty(), "nobody gave these commands: {unsaid:?}");
    assert!(heard.len() > 50, "few refusals were met: {heard:?}");
}
