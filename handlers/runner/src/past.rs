//! A question about the past: the states as they were at its moment, folded from the histories as far as they went then.
//! The same decider answers from them, and its look is recorded in the present.

use event_log::{Failure, past};
use handlers::OwnerState;
use schemas::commands::CommandEnvelope;
use schemas::envelope::RecordedEvent;
use schemas::{Owner, Timestamp, codec};

use crate::house::House;

/// What was.
#[derive(Debug)]
pub enum Past {
    /// The states at that moment.
    Then(Box<Then>),
    /// There is no such moment, or the command cannot be asked of one.
    Nowhere,
}

impl Past {
    /// What the vault is asked for: by the state of then, since what is there under another name now was not there.
    pub fn asked<'a>(past: Option<&'a Self>, present: &'a OwnerState) -> &'a OwnerState {
        match past {
            Some(Self::Then(then)) => &then.owner,
            Some(Self::Nowhere) | None => present,
        }
    }
}

/// The states at a moment.
#[derive(Debug)]
pub struct Then {
    /// The clock then.
    pub at: Timestamp,
    /// The owner then.
    pub owner: OwnerState,
    /// The owner's system then.
    pub system: OwnerState,
}

/// The past that a command asks about; `None` for the present.
pub async fn gather(house: &House, envelope: &CommandEnvelope) -> Result<Option<Past>, Failure> {
    let Some(as_of) = envelope.context.as_of else {
        return Ok(None);
    };
    if !handlers::answers_of_the_past(envelope) {
        return Ok(Some(Past::Nowhere));
    }
    let Some(then) = past::find(&*house.log, as_of).await? else {
        return Ok(Some(Past::Nowhere));
    };
    let system = Owner::System(envelope.owner.system_id().clone());
    let then = Then {
        at: then.at,
        owner: state(house, &envelope.owner, &then).await?,
        system: state(house, &system, &then).await?,
    };
    Ok(Some(Past::Then(Box::new(then))))
}

async fn state(house: &House, owner: &Owner, then: &past::Then) -> Result<OwnerState, Failure> {
    let history = house.log.load(owner, 0).await?;
    let mut state = OwnerState::empty(owner);
    for event in then.happened(&history) {
        let recorded: RecordedEvent = codec::decode(&event.payload).map_err(|error| Failure {
            attempt: format!("cannot decode the event at {}", event.position),
            source: Some(Box::new(error)),
        })?;
        handlers::evolve(&mut state, &recorded);
    }
    Ok(state)
}
