//! What the bank, its operators and the house itself do at random.

use schemas::answers::AnswerBody;
use schemas::commands::journal::{CleanEvents, GetEventInfo, GetEvents, RemoveEvents};
use schemas::commands::keys::{ActivateDelayedKey, ExportUserKey, ForgetPushAddress, KeyCarrier};
use schemas::commands::keys::{KeyParts, UpdateUserKey};
use schemas::commands::operations::{
    ExpireOperation, GetOperationData, GetOperationInfo, ListOperations, UpdateOperation,
};
use schemas::commands::operators::{
    CheckConfirmation, LookAtEvents, LookAtTransaction, LookAtUser,
};
use schemas::commands::server::{
    ChangeSettings, GetServerEvents, GetSettings, GrantAnalytics, RevokeAnalytics, ShownIdentifiers,
};
use schemas::commands::systems::{
    ChangeSystem, CloseBilling, GetLetters, GetReport, GetSystemInfo, LettersOrder, OrderLetters,
    RotateWebhookKeys, SystemParameters,
};
use schemas::commands::transactions::{
    ConfirmTransaction, DeleteTransaction, ExpireTransaction, GetTransactionBinaryData,
    GetTransactionData, GetTransactionInfo, ListTransactions, NotePushFailed, NotePushSent,
    NotificationType, PushFailure,
};
use schemas::commands::users::{
    BlockUser, ChangeUser, CreateUser, DeleteUser, GetUserInfo, NoteReceipts, Receipt,
    ReceiptOutcome, UnblockUser,
};
use schemas::{ErrorCode, Secret, Timestamp, TransactionId};

use super::House;
use super::autosign::Automatic;
use super::key::Key;
use super::rules::{Heard, Operation, Status, Transaction, code_of};
use super::steps::{declination, parts, request, wrong};
use crate::testing::{create_operation, create_transaction, described, key_request};

impl House {
    pub(super) fn bank_and_user(&mut self) {
        match self.chance.below(12) {
            0..=2 => {
                self.bank(GetUserInfo {}, Ok(()));
            }
            3 | 4 => {
                let user_name = "Пётр".to_owned();
                self.bank(ChangeUser { user_name }, Ok(()));
            }
            5 if self.chance.once_in(3) => {
                let reason = "lost".to_owned();
                self.bank(BlockUser { reason }, Ok(()));
                self.user.blocked |= !self.user.deleted;
            }
            6 => {
                let reason = " ".to_owned();
                self.bank(BlockUser { reason }, Err(ErrorCode::RequestError));
            }
            7..=9 => {
                self.bank(UnblockUser { reason: None }, Ok(()));
                self.user.unblock();
            }
            10 => {
                let user_name = None;
                let key = key_request(KeyParts::Whole);
                self.bank(CreateUser { user_name, key }, Err(ErrorCode::RequestError));
            }
            _ if self.chance.once_in(50) => {
                self.bank(DeleteUser {}, Ok(()));
                self.user.deleted = true;
            }
            _ => {}
        }
    }

    pub(super) fn bank_and_keys(&mut self) {
        let two_parts = self.chance.once_in(3);
        match self.chance.below(7) {
            0 | 1 => {
                let is_delayed = self.chance.once_in(2);
                let flags = [(); 5].map(|()| self.chance.once_in(2));
                let key = request(two_parts, flags);
                if self.bank(UpdateUserKey { key, is_delayed }, Ok(())) {
                    self.user.newest += 1;
                    let number = self.user.newest;
                    let key = Key::issued(number, self.user.now, two_parts, flags);
                    if is_delayed {
                        self.user.delayed = Some(key);
                    } else {
                        (self.user.current, self.user.delayed) = (key, None);
                    }
                    self.hand_over(number, two_parts);
                }
            }
            2 | 3 => {
                let heard = self.alive(|user| user.export(two_parts));
                let command = ExportUserKey {
                    parts: parts(two_parts),
                    app_extra: None,
                    carrier: KeyCarrier::Text,
                };
                if self.bank(command, heard) {
                    let number = self.user.current.number;
                    self.hand_over(number, two_parts);
                }
            }
            _ => {
                let heard = self.alive(super::rules::User::activate_delayed);
                self.bank(ActivateDelayedKey { key_index: None }, heard);
            }
        }
    }

    pub(super) fn bank_and_transactions(&mut self) {
        let id = self.an_id("t");
        let transaction_id = id.parse().unwrap();
        match self.chance.below(12) {
            0..=4 => {
                let id = self.any_id("t");
                self.create(&id);
            }
            5 => {
                let heard = self.found(&id);
                self.bank(GetTransactionInfo { transaction_id }, heard);
            }
            6 => {
                let heard = self.kept(&id);
                self.bank(GetTransactionData { transaction_id }, heard);
            }
            7 => {
                let heard = self.kept(&id).and_then(|()| self.has_binary(&id));
                self.bank(GetTransactionBinaryData { transaction_id }, heard);
            }
            8 => {
                let statuses = Vec::new();
                self.bank(ListTransactions { statuses }, Ok(()));
            }
            9 => {
                let heard = self.alive(|user| user.decline(&id));
                self.bank(declination(&id), heard);
            }
            10 => {
                let heard = self.alive(|user| {
                    let now = user.now;
                    let transaction = user.transaction(&id)?;
                    transaction.pending(now)?;
                    transaction.finish(Status::Deleted);
                    Ok(())
                });
                self.bank(DeleteTransaction { transaction_id }, heard);
            }
            _ => self.confirm_offline(&id),
        }
    }

    fn create(&mut self, id: &str) {
        let mut command = create_transaction(id);
        let deadline_s = self.chance.one_of(&[None, Some(60), Some(900)]);
        let offline = self.chance.once_in(4);
        command.ttl_s = deadline_s;
        command.confirm_code_length = self.chance.one_of(&[None, Some(6)]);
        if offline {
            command.notification_type = NotificationType::Offline;
        } else if self.chance.once_in(3) {
            command.binary = Some(Secret::new("bytes"));
        }
        let transaction = Transaction {
            status: Status::Initialized,
            deadline: deadline_s.map(|seconds| self.user.now + seconds * 1000),
            digits: command.confirm_code_length,
            wrong_codes: 0,
            erased: false,
            binary: command.binary.is_some(),
            offline,
            operation: None,
            automatic: Automatic::default(),
        };
        let taken = self.user.transactions.contains_key(id);
        let heard = self.user.can_be_asked().and(if taken {
            Err(ErrorCode::TransactionIsNotUnique)
        } else {
            Ok(())
        });
        if self.bank(command, heard) {
            self.user.transactions.insert(id.to_owned(), transaction);
        }
    }

    fn confirm_offline(&mut self, id: &str) {
        let is_right = self.chance.once_in(2) && self.holds_the_key();
        let code = self.code_for(id, is_right);
        let heard = self.alive(|user| user.confirm_offline(id, is_right));
        let command = ConfirmTransaction {
            transaction_id: id.parse().unwrap(),
            signature: None,
            confirm_code: Some(code),
            device_fingerprint: None,
        };
        self.bank(command, heard);
    }

    pub(super) fn bank_and_operations(&mut self) {
        let id = self.an_id("o");
        let operation_id = id.parse().unwrap();
        match self.chance.below(8) {
            0..=2 => {
                let id = self.any_id("o");
                let size = usize::try_from(1 + self.chance.below(3)).unwrap();
                let ttl_s = self.chance.one_of(&[None, Some(900)]);
                let mut command = create_operation(&id, size);
                command.ttl_s = ttl_s;
                let heard = self.user.can_create(&id, size);
                if self.bank(command, heard) {
                    self.remember_operation(&id, size, ttl_s);
                }
            }
            3 | 4 => {
                let heard = self.alive(|user| user.update_operation(&id));
                let command = UpdateOperation {
                    operation_id,
                    description: Some(described("another")),
                    callback_url: None,
                    ttl_s: None,
                    app_extra: None,
                };
                self.bank(command, heard);
            }
            5 => {
                self.bank(ListOperations {}, Ok(()));
            }
            6 => {
                let heard = self.user.operation(&id).map(drop);
                self.bank(GetOperationInfo { operation_id }, heard);
            }
            _ => {
                let heard = self.user.operation(&id).map(drop);
                self.bank(GetOperationData { operation_id }, heard);
            }
        }
    }

    fn remember_operation(&mut self, id: &str, size: usize, ttl_s: Option<i64>) {
        let members: Vec<String> = (0..size).map(|number| format!("{id}.{number}")).collect();
        for member in &members {
            let transaction = Transaction {
                status: Status::Initialized,
                deadline: ttl_s.map(|seconds| self.user.now + seconds * 1000),
                digits: None,
                wrong_codes: 0,
                erased: false,
                binary: false,
                offline: false,
                operation: Some(id.to_owned()),
                automatic: Automatic::default(),
            };
            self.user.transactions.insert(member.clone(), transaction);
        }
        let served = false;
        let operation = Operation { members, served };
        self.user.operations.insert(id.to_owned(), operation);
    }

    pub(super) fn bank_and_codes(&mut self) {
        use schemas::commands::codes::{CheckConfirmCode, GenerateConfirmCode};
        let data = || Secret::new("an order");
        let length = Some(8);
        if self.chance.once_in(3) {
            let heard = self.user.generate_data_code();
            let command = GenerateConfirmCode {
                data: data(),
                confirm_code_length: length,
            };
            self.bank(command, heard);
            return;
        }
        let is_right = self.chance.once_in(3) && self.holds_the_key();
        let right = if self.holds_the_key() {
            self.take_current_phone();
            self.story.data_code("an order", length, 0)
        } else {
            "00000000".to_owned()
        };
        let confirm_code = if is_right { right } else { wrong(&right) };
        let heard = self.alive(|user| user.check_data_code(is_right));
        let command = CheckConfirmCode {
            data: data(),
            confirm_code,
            confirm_code_length: length,
        };
        self.bank(command, heard);
    }

    pub(super) fn bank_and_journal(&mut self) {
        match self.chance.below(4) {
            0 => {
                let records = Vec::new();
                let command = self.note(CleanEvents { records });
                let answered = self.story.bank_asks(command);
                self.compare(answered.code(), ErrorCode::Normal);
            }
            1 => self.system(
                RemoveEvents { before: None },
                ErrorCode::EventsRemovementIsNotAllowed,
            ),
            2 => self.system(GetEvents {}, ErrorCode::Normal),
            _ => self.system(GetEventInfo {}, ErrorCode::Normal),
        }
    }

    /// A name is granted once, and revoked once after that.
    fn analysts(&mut self) {
        let name = self.chance.one_of(&["risk", "fraud", "audit"]);
        let known = self.grants.get(name).copied();
        let heard = |right: bool| {
            if right {
                ErrorCode::Normal
            } else {
                ErrorCode::RequestError
            }
        };
        let by = "ivanova".to_owned();
        if self.chance.once_in(2) {
            let grant = GrantAnalytics {
                name: name.parse().expect("a name"),
                systems: vec![self.story.system_id.clone()],
                consumers: vec!["main".parse().expect("a name")],
                identifiers: ShownIdentifiers::Pseudonyms,
                since: None,
                public_key: format!("U{}", "A".repeat(55)),
                by,
            };
            self.administrator(grant, heard(known.is_none()));
            self.grants.entry(name).or_insert(true);
        } else {
            let name_given = name.parse().expect("a name");
            let revoke = RevokeAnalytics {
                name: name_given,
                by,
            };
            self.administrator(revoke, heard(known == Some(true)));
            self.grants
                .entry(name)
                .and_modify(|in_force| *in_force = false);
        }
    }

    /// What concerns no user.
    pub(super) fn bank_and_house(&mut self) {
        use schemas::commands::codes::{CheckCommonConfirmCode, GenerateCommonConfirmCode};
        let data = || Secret::new("a poster");
        let length = Some(8);
        match self.chance.below(10) {
            8 => {
                let nothing_named = GetReport {
                    from: None,
                    to: None,
                };
                self.system(nothing_named, ErrorCode::ReportTplIsNull);
            }
            9 => {
                // The story's system pays by the number of its users.
                let heard = ErrorCode::UnsupportedBillingType;
                self.system(CloseBilling { date: None }, heard);
            }
            0 if self.chance.below(2) == 0 => {
                self.system(RotateWebhookKeys {}, ErrorCode::Normal);
            }
            0 if self.chance.below(3) == 0 => {
                let order = LettersOrder::Retry { letter_id: None };
                self.system(GetLetters {}, ErrorCode::Normal);
                self.system(OrderLetters { order }, ErrorCode::Normal);
            }
            0 => self.system(GetSystemInfo {}, ErrorCode::Normal),
            1 => {
                let parameters = SystemParameters {
                    callback_url: Some("https://bank.example/other".to_owned()),
                    ..SystemParameters::default()
                };
                self.system(ChangeSystem { parameters }, ErrorCode::Normal);
            }
            2 => {
                let name = self.chance.one_of(&["KEY_QR_SIZE", "NO_SUCH_SETTING"]);
                let values = [(name.to_owned(), Some("300".to_owned()))].into();
                let heard = match name {
                    "KEY_QR_SIZE" => ErrorCode::Normal,
                    _ => ErrorCode::SystemPropertyError,
                };
                self.administrator(ChangeSettings { values }, heard);
            }
            3 => self.administrator(GetSettings {}, ErrorCode::Normal),
            4 if self.chance.below(2) == 0 => self.analysts(),
            4 => self.administrator(GetServerEvents {}, ErrorCode::Normal),
            5 => {
                let command = GenerateCommonConfirmCode {
                    data: data(),
                    confirm_code_length: length,
                };
                self.system(command, ErrorCode::Normal);
            }
            _ => {
                let is_right = self.chance.once_in(3);
                let generated = GenerateCommonConfirmCode {
                    data: data(),
                    confirm_code_length: length,
                };
                let AnswerBody::ConfirmCode { code } = self.story.system_asks(generated).answer()
                else {
                    panic!("a code was expected")
                };
                let right = code.expose_text().unwrap();
                let confirm_code = if is_right {
                    right.to_owned()
                } else {
                    wrong(right)
                };
                let heard = self.poster_codes.take(self.user.now, is_right);
                let command = CheckCommonConfirmCode {
                    data: data(),
                    confirm_code,
                    confirm_code_length: length,
                };
                self.system(command, code_of(heard));
            }
        }
    }

    pub(super) fn operator(&mut self) {
        let id = self.an_id("t");
        let transaction_id = id.parse().unwrap();
        match self.chance.below(4) {
            0 => self.operators(LookAtUser {}, Ok(())),
            1 => self.operators(LookAtEvents {}, Ok(())),
            2 => {
                let heard = self.found(&id);
                self.operators(LookAtTransaction { transaction_id }, heard);
            }
            _ => {
                let heard =
                    self.found(&id)
                        .and_then(|()| match self.user.transactions[&id].status {
                            Status::Confirmed => Ok(()),
                            _ => Err(ErrorCode::TransactionStatusInvalid),
                        });
                self.operators(CheckConfirmation { transaction_id }, heard);
            }
        }
    }

    /// The house notes what became of pushes, whether or not there were any.
    fn house_and_pushes(&mut self) {
        let id = self.an_id("t");
        let transaction_id: TransactionId = id.parse().unwrap();
        let push_id = "push_1".to_owned();
        let token = Secret::new(self.chance.one_of(&["token", "another"]));
        match self.chance.below(5) {
            4 => self.house(NoteReceipts {
                receipts: vec![Receipt {
                    letter_id: "msg_1".to_owned(),
                    kind: "callback".to_owned(),
                    position: "5-7".parse().unwrap(),
                    outcome: ReceiptOutcome::Taken,
                    status: Some(200),
                    answer: None,
                    attempts: 1,
                    at: Timestamp(0),
                }],
            }),
            0 => self.house(ForgetPushAddress {
                token,
                gone_since: None,
            }),
            1 => self.house(NotePushFailed {
                transaction_id,
                push_id,
                reason: PushFailure::Late,
            }),
            2 => {
                self.house(NotePushSent {
                    transaction_id,
                    operation_id: None,
                    push_id,
                });
                self.is_pushed(&[id]);
            }
            _ => {
                let operation = self.an_id("o");
                let members = self.user.operation(&operation);
                let Ok(members) = members.map(|operation| operation.members.clone()) else {
                    return;
                };
                self.house(NotePushSent {
                    transaction_id: members[0].parse().unwrap(),
                    operation_id: Some(operation.parse().unwrap()),
                    push_id,
                });
                self.is_pushed(&members);
            }
        }
    }

    fn is_pushed(&mut self, ids: &[String]) {
        let now = self.user.now;
        for id in ids {
            if let Ok(transaction) = self.user.transaction(id)
                && transaction.status == Status::Initialized
                && transaction.pending(now).is_ok()
            {
                transaction.status = Status::PushSent;
            }
        }
    }

    /// The house notes deadlines, whether or not they have come.
    pub(super) fn house_itself(&mut self) {
        let now = self.user.now;
        if self.chance.once_in(3) {
            self.house_and_pushes();
        } else if self.chance.once_in(2) {
            let id = self.an_id("t");
            let transaction_id = id.parse().unwrap();
            self.house(ExpireTransaction { transaction_id });
            if let Ok(transaction) = self.user.transaction(&id)
                && transaction.operation.is_none()
            {
                transaction.status = transaction.status(now);
            }
        } else {
            let id = self.an_id("o");
            let operation_id = id.parse().unwrap();
            self.house(ExpireOperation { operation_id });
            let members = self
                .user
                .operation(&id)
                .map(|operation| operation.members.clone());
            for member in members.unwrap_or_default() {
                let transaction = self.user.transaction(&member).unwrap();
                transaction.status = transaction.status(now);
            }
        }
    }

    fn found(&self, id: &str) -> Heard {
        let found = self.user.transactions.get(id);
        found.map(drop).ok_or(ErrorCode::TransactionIsNull)
    }

    fn kept(&self, id: &str) -> Heard {
        self.found(id)?;
        if self.user.transactions[id].erased {
            Err(ErrorCode::NoResult)
        } else {
            Ok(())
        }
    }

    fn has_binary(&self, id: &str) -> Heard {
        if self.user.transactions[id].binary {
            Ok(())
        } else {
            Err(ErrorCode::NoResult)
        }
    }
}
