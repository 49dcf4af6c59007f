//! What devices do at random.

use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::credentials::{GetCredentials, GetCredentialsSalt, SetCredentials};
use schemas::commands::devices::{DeviceReport, ReportDevice, SetFingerprint};
use schemas::commands::keys::ActivateKey;
use schemas::commands::operations::{
    GetOperationData, ListOperations, MemberAnswer, ProcessOperation, YesOrNo,
};
use schemas::commands::transactions::{
    ConfirmTransaction, GetTransactionBinaryData, GetTransactionData, ListTransactions,
};
use schemas::{Digest, Secret};

use super::key::Pair;
use super::rules::{Asking, Proof, Status};
use super::steps::declination;
use super::{House, Phone};
use crate::testing::Device;

impl House {
    pub(super) fn device_and_key(&mut self) {
        let number = self.a_phone();
        match self.chance.below(6) {
            0 | 1 => {
                let pair = self
                    .chance
                    .one_of(&[Pair::Own, Pair::Own, Pair::Own, Pair::Strange]);
                let mut command = self.phones[&number].device.registration();
                if pair == Pair::Strange {
                    command.public_key = self.strange.public_key();
                }
                let scored = !self.user.deleted && self.user.key(number).scored;
                let second = self.story.autosigner.public_key();
                command.autosign_public_key = scored.then_some(second);
                let heard = self.admitted(number, Asking::MakingReady, |user| {
                    user.key(number).register(pair)?;
                    user.put_in_force(number);
                    Ok(())
                });
                self.device(number, command, heard);
            }
            2 => {
                let value = self.chance.one_of(&[1, 1, 1, 2]);
                let heard = self.admitted(number, Asking::MakingReady, |user| {
                    user.key(number).bind(value)?;
                    user.put_in_force(number);
                    Ok(())
                });
                let device_fingerprint = Digest([value; 32]);
                if self.device(number, SetFingerprint { device_fingerprint }, heard) {
                    let phone = self.phones.get_mut(&number).unwrap();
                    phone.device.fingerprint = Some(device_fingerprint);
                }
            }
            3 | 4 => self.activate(number),
            _ => {
                let report = DeviceReport::RootDetected;
                let heard = self.admitted(number, Asking::Anything, |_| Ok(()));
                self.device(number, ReportDevice { report }, heard);
            }
        }
    }

    fn activate(&mut self, number: u32) {
        // What was replaced is another model's: here a phone knows the key it tries to activate.
        let is_known = [
            Some(self.user.current.number),
            self.user.delayed.as_ref().map(|key| key.number),
        ];
        if !is_known.contains(&Some(number)) {
            return;
        }
        let Phone { device, code } = self.phones[&number].clone();
        let is_right = code.is_some() && !self.chance.once_in(3);
        let proof = match &code {
            Some(code) if is_right => device.proof(code),
            _ => Digest([0; 32]),
        };
        let heard = self.admitted(number, Asking::Activation, |user| {
            let now = user.now;
            user.key(number).activate(now, is_right)
        });
        self.device(number, ActivateKey { proof }, heard);
        if heard.is_ok() && !self.user.deleted {
            let Some(AnswerBody::KeyActivated { released }) = self.answered.take() else {
                panic!("the second half was expected")
            };
            let phone = self.phones.get_mut(&number).unwrap();
            phone.device.open_released(&code.unwrap(), &released);
        }
    }

    pub(super) fn device_and_password(&mut self) {
        let number = self.a_phone();
        let proof = self.chance.one_of(&[1, 1, 2]);
        let secret = |byte: u8| Secret::new([byte; 32]);
        match self.chance.below(5) {
            0 => {
                let heard = self.admitted(number, Asking::Password, |user| user.key(number).salt());
                self.device(number, GetCredentialsSalt {}, heard);
            }
            1 | 2 => {
                let old = self.chance.one_of(&[None, None, Some(1), Some(2)]);
                let heard = self.admitted(number, Asking::Password, |user| {
                    user.key(number).set_password(proof, old)
                });
                let command = SetCredentials {
                    proof: secret(proof),
                    old_proof: old.map(secret),
                };
                self.device(number, command, heard);
            }
            _ => {
                let heard = self.admitted(number, Asking::Password, |user| {
                    user.key(number).get_access(proof)
                });
                let proof = secret(proof);
                self.device(number, GetCredentials { proof }, heard);
            }
        }
    }

    pub(super) fn device_and_transactions(&mut self) {
        let (number, id) = (self.a_phone(), self.an_id("t"));
        let transaction_id = id.parse().unwrap();
        let readable = |user: &mut super::rules::User| {
            let now = user.now;
            let transaction = user.transaction(&id)?;
            transaction.pending(now)?;
            Ok(())
        };
        match self.chance.below(12) {
            0 => {
                let heard = self.admitted(number, Asking::Anything, |_| Ok(()));
                let statuses = Vec::new();
                self.device(number, ListTransactions { statuses }, heard);
            }
            1..=3 => {
                let heard = self.admitted(number, Asking::Anything, |user| {
                    readable(user)?;
                    user.transaction(&id)?.status = Status::DataSent;
                    Ok(())
                });
                self.device(number, GetTransactionData { transaction_id }, heard);
            }
            4 => {
                let heard = self.admitted(number, Asking::Anything, |user| {
                    readable(user)?;
                    if user.transaction(&id)?.binary {
                        Ok(())
                    } else {
                        Err(ErrorCode::NoResult)
                    }
                });
                self.device(number, GetTransactionBinaryData { transaction_id }, heard);
            }
            5 => {
                let heard = self.admitted(number, Asking::Anything, |user| user.decline(&id));
                self.device(number, declination(&id), heard);
            }
            _ => {
                let proof = self.a_proof(number);
                let (signature, confirm_code) = self.proof_bytes(number, &id, proof);
                let heard =
                    self.admitted(number, Asking::Anything, |user| user.confirm(&id, proof));
                let command = ConfirmTransaction {
                    transaction_id,
                    signature,
                    confirm_code,
                    device_fingerprint: None,
                };
                self.device(number, command, heard);
            }
        }
    }

    pub(super) fn device_and_operations(&mut self) {
        let (number, id) = (self.a_phone(), self.an_id("o"));
        let operation_id: schemas::OperationId = id.parse().unwrap();
        match self.chance.below(6) {
            0 => {
                let heard = self.admitted(number, Asking::Anything, |_| Ok(()));
                self.device(number, ListOperations {}, heard);
            }
            1 => {
                let heard = self.admitted(number, Asking::Anything, |user| {
                    user.open_operation(&id)?;
                    user.serve(&id);
                    Ok(())
                });
                self.device(number, GetOperationData { operation_id }, heard);
            }
            _ => self.process(number, &id),
        }
    }

    fn process(&mut self, number: u32, id: &str) {
        let members = match self.user.operation(id) {
            Ok(operation) => operation.members.clone(),
            Err(_) => vec![format!("{id}.0")],
        };
        let first = usize::try_from(self.chance.below(members.len() as u64)).unwrap();
        let mut answers = Vec::new();
        let mut wired = Vec::new();
        for member in &members[first..] {
            let declines = self.chance.once_in(3);
            let mut proof = self.a_proof(number);
            if proof.signature.is_none() && proof.code.is_none() {
                proof.code = Some(false);
            }
            let (signature, confirm_code) = self.proof_bytes(number, member, proof);
            answers.push((member.clone(), (!declines).then_some(proof)));
            wired.push(MemberAnswer {
                transaction_id: member.parse().unwrap(),
                answer: if declines {
                    YesOrNo::Decline {
                        reason: "no".to_owned(),
                        code: None,
                    }
                } else {
                    YesOrNo::Confirm {
                        signature,
                        confirm_code,
                    }
                },
            });
        }
        let heard = self.admitted(number, Asking::Anything, |user| user.process(id, &answers));
        let command = ProcessOperation {
            operation_id: id.parse().unwrap(),
            answers: wired,
            device_fingerprint: None,
        };
        self.device(number, command, heard);
    }

    fn a_proof(&mut self, number: u32) -> Proof {
        let has_pair = self.user.key(number).pair.is_some();
        let signs = if self.chance.once_in(8) {
            !has_pair
        } else {
            has_pair
        };
        let is_right = !self.chance.once_in(6);
        let gives_code = !signs || self.chance.once_in(3);
        let code_is_right = !self.chance.once_in(4) && self.holds_the_key();
        Proof {
            signature: signs.then_some(is_right),
            code: (gives_code && !self.chance.once_in(12)).then_some(code_is_right),
        }
    }

    fn proof_bytes(
        &mut self,
        number: u32,
        id: &str,
        proof: Proof,
    ) -> (Option<Vec<u8>>, Option<String>) {
        let digest = self.digest_of(id);
        let device: &Device = &self.phones[&number].device;
        let signature = proof
            .signature
            .map(|is_right| device.sign(&if is_right { digest } else { Digest([0xee; 32]) }));
        let code = proof.code.map(|is_right| self.code_for(id, is_right));
        (signature, code)
    }
}
