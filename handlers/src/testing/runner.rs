//! Commands taken as the runner takes them: facts, decision, log and vault, step by step.

use schemas::answers::AnswerBody;
use schemas::commands::{Caller, Command, CommandEnvelope, Kind};
use schemas::context::{RequestContext, RequestPrivate};
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, ErrorCode, Owner, RequestId, Secret, Timestamp, codec};

use super::{Device, Heard, Story};
use crate::{
    Erasure, Facts, Next, Outcome, Outside, OwnerState, VaultFacts, Verifications, decide, evolve,
    looks_back, needs, needs_license, needs_system_key, precheck, verify,
};

impl Story {
    pub(crate) fn administrator_asks(&mut self, command: impl Into<Command>) -> Heard {
        let envelope = self.envelope(Owner::Server, Caller::Administrator, command.into());
        self.receive(envelope)
    }

    pub(crate) fn operator_asks(&mut self, command: impl Into<Command>) -> Heard {
        let owner = self.owner();
        let envelope = self.envelope(owner, Caller::Operator, command.into());
        self.receive(envelope)
    }

    pub(crate) fn operator_asks_system(&mut self, command: impl Into<Command>) -> Heard {
        let owner = Owner::System(self.system_id.clone());
        let envelope = self.envelope(owner, Caller::Operator, command.into());
        self.receive(envelope)
    }

    pub(crate) fn system_asks(&mut self, command: impl Into<Command>) -> Heard {
        let owner = Owner::System(self.system_id.clone());
        let envelope = self.envelope(owner, Caller::System, command.into());
        self.receive(envelope)
    }

    pub(crate) fn bank_asks(&mut self, command: impl Into<Command>) -> Heard {
        let envelope = self.bank_request(command);
        self.receive(envelope)
    }

    pub(crate) fn device_asks(&mut self, command: impl Into<Command>) -> Heard {
        let envelope = self.device_request(command);
        self.receive(envelope)
    }

    pub(crate) fn house_asks(&mut self, command: impl Into<Command>) -> Heard {
        let owner = self.owner();
        self.house_asks_of(&owner, command)
    }

    pub(crate) fn house_asks_of(&mut self, owner: &Owner, command: impl Into<Command>) -> Heard {
        let envelope = self.envelope(owner.clone(), Caller::House, command.into());
        self.receive(envelope)
    }

    pub(crate) fn bank_request(&mut self, command: impl Into<Command>) -> CommandEnvelope {
        let owner = self.owner();
        self.envelope(owner, Caller::System, command.into())
    }

    pub(crate) fn device_request(&mut self, command: impl Into<Command>) -> CommandEnvelope {
        let (owner, command) = (self.owner(), command.into());
        let claim = self.device.claim(&command, self.now);
        let auth = claim.auth.clone();
        let mut envelope = self.envelope(owner, Caller::Device(claim), command);
        envelope.context.request_hmac = Some(auth.mac);
        envelope.context.auth_time = Some(auth.timestamp);
        envelope.context.key_index = Some(auth.key_index);
        envelope
    }

    /// Takes a command as the runner does, to its end.
    pub(crate) fn receive(&mut self, envelope: CommandEnvelope) -> Heard {
        let mut outcomes = Vec::new();
        let mut outside = Outside::default();
        loop {
            let outcome = self.step(&envelope, &outside);
            let next = match &outcome {
                Outcome::Decided(decision) => decision.next.clone(),
                Outcome::Refused(_) => Next::Answer,
            };
            outcomes.push(outcome);
            match next {
                Next::Answer => return Heard::new(envelope.command, outcomes),
                Next::DecideAgain => {}
                Next::Ask(question) => {
                    self.asked_outside.push((*question).clone());
                    outside = Outside::answered(*question, self.outside.clone());
                }
            }
        }
    }

    /// Takes a command and crashes before a second decision.
    pub(crate) fn receive_first_step(&mut self, envelope: CommandEnvelope) -> Heard {
        let outcome = self.step(&envelope, &Outside::default());
        Heard::new(envelope.command, vec![outcome])
    }

    pub(crate) fn owner(&self) -> Owner {
        Owner::User(self.system_id.clone(), self.user_id.clone())
    }

    fn envelope(&mut self, owner: Owner, caller: Caller, command: Command) -> CommandEnvelope {
        self.counter += 1;
        let identity = Digest::of(&[b"command", &self.counter.to_be_bytes()]).0;
        CommandEnvelope {
            command_id: CommandId(identity),
            fingerprint: Digest(identity),
            request_id: RequestId(identity),
            owner,
            caller,
            deadline: Timestamp(i64::MAX),
            context: RequestContext {
                request_id: Some(RequestId(identity)),
                ..RequestContext::default()
            },
            private: RequestPrivate::default(),
            traceparent: None,
            command,
        }
    }

    fn step(&mut self, envelope: &CommandEnvelope, outside: &Outside) -> Outcome {
        self.counter += 1;
        let state = match envelope.owner {
            Owner::Server => &self.server,
            Owner::System(_) => &self.system,
            Owner::User(..) => &self.state,
        };
        let OwnerState::System(system) = &self.system else {
            unreachable!("a system's state stays one")
        };
        let asked_for = needs(state, envelope);
        let rows = asked_for
            .iter()
            .filter_map(|name| Some((name.clone(), self.vault.rows.get(name)?.clone())));
        let vault = VaultFacts {
            rows: rows.collect(),
            altered: self.vault.altered.clone(),
        };
        let beside = self.verified_beside.take();
        let verified: Verifications = match beside {
            Some(verified) => [verified].into_iter().collect(),
            None => precheck(state, envelope).iter().map(verify).collect(),
        };
        let system_key = Secret::new([9; 32]);
        let facts = Facts {
            now: self.now,
            seed: Digest::of(&[b"seed", &self.counter.to_be_bytes()]).0,
            command_id: envelope.command_id,
            request_id: envelope.request_id,
            settings: &self.settings,
            system,
            vault: &vault,
            history: if looks_back(envelope) {
                &self.history
            } else {
                &[]
            },
            system_key: needs_system_key(envelope).then_some(&system_key),
            license: needs_license(envelope).then_some(&self.license),
            code_policy: &self.code_policy,
            verified: &verified,
            outside,
        };
        let outcome = decide(state, envelope, &facts);
        assert_eq!(
            outcome,
            decide(state, envelope, &facts),
            "the same facts, the same outcome"
        );
        self.carry_out(envelope, &outcome);
        outcome
    }

    fn carry_out(&mut self, envelope: &CommandEnvelope, outcome: &Outcome) {
        match outcome {
            Outcome::Refused(refusal) => {
                if let Some(event) = &refusal.event {
                    self.record(envelope, event, refusal.code);
                }
            }
            Outcome::Decided(decision) => {
                let looks = envelope.command.kind() == Kind::Read;
                assert!(
                    !looks || decision.events.len() == 1,
                    "a look leaves one event"
                );
                // As in the runner, only the first event carries what the request brought.
                let mut bare = envelope.clone();
                bare.context = RequestContext::default();
                for (number, event) in decision.events.iter().enumerate() {
                    let frame = if number == 0 { envelope } else { &bare };
                    let result = match event {
                        Event::Refused(_) => decision.code,
                        _ => event.result(),
                    };
                    self.record(frame, event, result);
                }
                self.vault.rows.extend(decision.vault.iter().cloned());
                if decision.secret_answer {
                    let name = VaultName::answer(&envelope.command_id);
                    self.vault.rows.insert(name, Secret::new("kept"));
                }
                for erasure in &decision.erase {
                    match erasure {
                        Erasure::Row(name) => drop(self.vault.rows.remove(name)),
                        // The vault here has one part, and a removal leaves the users' theirs.
                        Erasure::Owner if matches!(envelope.owner, Owner::System(_)) => {}
                        Erasure::Owner => self.vault.rows.clear(),
                    }
                }
                if let AnswerBody::KeyIssued(key) = &decision.answer {
                    self.device = Device::of(key, &self.system_id);
                    self.drawn_code.clone_from(&key.activation_code);
                }
            }
        }
    }

    fn record(&mut self, envelope: &CommandEnvelope, event: &Event, result: ErrorCode) {
        let state = match envelope.owner {
            Owner::Server => &mut self.server,
            Owner::System(_) => &mut self.system,
            Owner::User(..) => &mut self.state,
        };
        let recorded = RecordedEvent {
            owner: envelope.owner.clone(),
            ordinal: state.version() + 1,
            recorded_at: self.now,
            causation_id: envelope.command_id,
            result,
            context: envelope.context.clone(),
            event: event.clone(),
        };
        let read_back = codec::decode(&codec::encode(&recorded)).expect("what we write, we read");
        assert_eq!(read_back, recorded);
        evolve(state, &recorded);
        assert_eq!(state.version(), recorded.ordinal);
        if let Owner::User(..) = recorded.owner {
            self.history.push(recorded);
        }
    }
}
