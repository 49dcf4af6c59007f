//! An outbox with three letters that were put aside.

use futures::future::BoxFuture;
use schemas::{LetterId, SystemId, Timestamp};

use crate::letters::{EndpointHealth, LetterPutAside, LettersFailure, LettersQuery, Receivers};

/// Letters `msg_1` to `msg_3`, written one millisecond after the other.
#[derive(Debug, Default)]
pub(crate) struct FakeLetters;

fn all() -> impl Iterator<Item = LetterPutAside> {
    (1..=3).map(|number| LetterPutAside {
        letter_id: format!("msg_{number}").parse().unwrap(),
        kind: "callback".to_owned(),
        endpoint: "https://bank.example".to_owned(),
        attempts: 10,
        created_at: Timestamp(number),
        status: Some(503),
        reason: "refused".to_owned(),
    })
}

impl LettersQuery for FakeLetters {
    fn put_aside<'a>(
        &'a self,
        _: &'a SystemId,
        after: Option<(Timestamp, LetterId)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<LetterPutAside>, LettersFailure>> {
        let follows = move |letter: &LetterPutAside| {
            let place = (letter.created_at, letter.letter_id.clone());
            after.as_ref().is_none_or(|after| place > *after)
        };
        let page = all().filter(follows).take(limit as usize).collect();
        Box::pin(async { Ok(page) })
    }

    fn count_put_aside<'a>(
        &'a self,
        _: &'a SystemId,
        letter_id: Option<&'a LetterId>,
    ) -> BoxFuture<'a, Result<u64, LettersFailure>> {
        let is_it = |letter: &LetterPutAside| letter_id.is_none_or(|id| *id == letter.letter_id);
        let count = all().filter(is_it).count() as u64;
        Box::pin(async move { Ok(count) })
    }

    fn receivers<'a>(
        &'a self,
        _: &'a SystemId,
    ) -> BoxFuture<'a, Result<Receivers, LettersFailure>> {
        let receivers = Receivers {
            endpoints: vec![EndpointHealth {
                endpoint: "https://bank.example".to_owned(),
                owed: 2,
                put_aside: 3,
                taken: 1,
                oldest: Some(Timestamp(1)),
                last_taken: Some(Timestamp(2)),
                trouble: Some("refused".to_owned()),
            }],
            gone: vec![("https://bank.example/gone".to_owned(), Timestamp(3))],
        };
        Box::pin(async { Ok(receivers) })
    }
}
