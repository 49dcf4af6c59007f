//! Two logs, event by event: for copies without evidence, or whose evidence nobody should have to believe.

use event_log::{EventLog, Failure};
use schemas::{Lane, Position};

/// Events that are read at once.
const AT_ONCE: u64 = 1024;

/// The first event of each lane that is not the same in both, as far as both go. `progress` hears how many events were
/// compared.
pub async fn differences(
    one: &dyn EventLog,
    other: &dyn EventLog,
    mut progress: impl FnMut(u64),
) -> Result<Vec<Position>, Failure> {
    let (mut found, mut compared) = (Vec::new(), 0);
    let heads = one.heads().await?.into_iter().zip(other.heads().await?);
    for (lane, (here, there)) in Lane::all().zip(heads) {
        let both = here.min(there);
        let mut next = 1;
        while next <= both {
            let limit = AT_ONCE.min(both + 1 - next) as usize;
            let (here, there) = (
                one.read(lane, next, limit).await?,
                other.read(lane, next, limit).await?,
            );
            let differs = (0..limit).find(|index| here.get(*index) != there.get(*index));
            if let Some(index) = differs {
                let number = next + index as u64;
                found.push(Position { lane, number });
                break;
            }
            next += limit as u64;
            compared += limit as u64;
            progress(compared);
        }
    }
    Ok(found)
}
