//! The letters' port of the doors, served from the outbox.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway::{EndpointHealth, LetterPutAside, LettersFailure, LettersQuery, Receivers};
use reactors::{Letters, ParkedLetter};
use schemas::{LetterId, SystemId, Timestamp};

/// The outbox behind the doors.
#[derive(Debug)]
pub struct LettersBehindTheDoors(pub Letters);

fn failure(error: impl std::error::Error + Send + Sync + 'static) -> LettersFailure {
    LettersFailure(Box::new(error))
}

impl LettersQuery for LettersBehindTheDoors {
    fn put_aside<'a>(
        &'a self,
        system_id: &'a SystemId,
        after: Option<(Timestamp, LetterId)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<LetterPutAside>, LettersFailure>> {
        async move {
            let after = after.as_ref().map(|(at, id)| (*at, id.as_str()));
            let parked = self.0.parked_of(system_id, after, limit).await;
            let letters = parked.map_err(failure)?.into_iter().map(put_aside);
            letters.collect()
        }
        .boxed()
    }

    fn count_put_aside<'a>(
        &'a self,
        system_id: &'a SystemId,
        letter_id: Option<&'a LetterId>,
    ) -> BoxFuture<'a, Result<u64, LettersFailure>> {
        async move {
            let id = letter_id.map(LetterId::as_str);
            let count = self.0.count_parked_of(system_id, id).await;
            count.map_err(failure)
        }
        .boxed()
    }

    fn receivers<'a>(
        &'a self,
        system_id: &'a SystemId,
    ) -> BoxFuture<'a, Result<Receivers, LettersFailure>> {
        async move {
            let endpoints = self.0.endpoints(Some(system_id)).await.map_err(failure)?;
            let gone = self.0.gone(Some(system_id)).await.map_err(failure)?;
            let gone = gone
                .into_iter()
                .map(|(_, receiver, since)| (receiver, since));
            Ok(Receivers {
                endpoints: endpoints.into_iter().map(health).collect(),
                gone: gone.collect(),
            })
        }
        .boxed()
    }
}

fn put_aside(letter: ParkedLetter) -> Result<LetterPutAside, LettersFailure> {
    Ok(LetterPutAside {
        letter_id: letter.id.parse().map_err(failure)?,
        kind: letter.kind,
        endpoint: letter.endpoint,
        attempts: letter.attempts,
        created_at: letter.created_at,
        status: letter.status,
        reason: letter.reason,
    })
}

fn health(health: reactors::EndpointHealth) -> EndpointHealth {
    EndpointHealth {
        endpoint: health.endpoint,
        owed: health.owed,
        put_aside: health.parked,
        taken: health.delivered,
        oldest: health.oldest,
        last_taken: health.last_taken,
        trouble: health.trouble,
    }
}
