//! `countersign letters`: what nobody took, and what a person makes of it. It works on the outbox beside a running service,
//! which finds letters that are sent again within a minute.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::{Clock as _, SystemClock};
use clap::{Args, Subcommand};
use reactors::{EndpointHealth, Letters, ParkedLetter, Replay, ReplayRange, Trial};
use schemas::{Position, SystemId, Timestamp};

use crate::AnyError;
use crate::moment;
use crate::progress;
use crate::serve::stores::StoreArguments;

/// What to do with letters that were put aside.
#[derive(Debug, Args)]
pub struct LettersArguments {
    #[command(subcommand)]
    order: LettersOrder,
}

#[derive(Debug, Subcommand)]
enum LettersOrder {
    /// Print the oldest ones: id, kind, system, endpoint, attempts, age, status of the last answer, reason; tabs between
    List {
        /// How many at most
        #[arg(long, default_value_t = 100, value_name = "NUMBER")]
        limit: u32,
        #[command(flatten)]
        stores: StoreArguments,
    },
    /// Give them another round of attempts
    Retry {
        /// Id of the letter, or `all`
        id: String,
        #[command(flatten)]
        stores: StoreArguments,
    },
    /// Forget one for good: it is never sent
    Drop {
        /// Id of the letter
        id: String,
        #[command(flatten)]
        stores: StoreArguments,
    },
    /// Print how the endpoints are: endpoint, owed, put aside, taken within a week, age of the oldest owed, age of the last
    /// taken, trouble; then the receivers that are gone
    Health {
        #[command(flatten)]
        stores: StoreArguments,
    },
    /// Send a signed letter that tells of nothing, and say what became of it; the service has to run
    Test {
        /// System that it is signed for
        system_id: SystemId,
        /// Address of the receiver
        url: String,
        /// How long to wait for the service, seconds
        #[arg(long, default_value_t = 120, value_name = "SECONDS")]
        wait: u64,
        #[command(flatten)]
        stores: StoreArguments,
    },
    /// Send letters of the past again, under the identities they had: for a bank that lost what it had taken
    Replay {
        /// System whose letters they are
        #[arg(long, value_name = "ID")]
        system: SystemId,
        /// The first moment, for example 2026-11-26 or 2026-11-26T09:30:00Z
        #[arg(long, value_name = "MOMENT", value_parser = moment::parse, required_unless_present = "from_position")]
        from: Option<Timestamp>,
        /// The last event that the bank surely has, instead: an `X-Log-Position` such as 17-4211, or an `event_id`
        #[arg(long, value_name = "POSITION", value_parser = Position::of_an_event, conflicts_with = "from")]
        from_position: Option<Position>,
        /// The first moment that does not count any more [default: now]
        #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
        until: Option<Timestamp>,
        /// Only count them
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        stores: StoreArguments,
    },
}

/// Carries the order out.
pub fn run(arguments: LettersArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(carry_out(arguments.order))
}

async fn carry_out(order: LettersOrder) -> Result<(), AnyError> {
    let now = SystemClock.now();
    match order {
        LettersOrder::List { limit, stores } => {
            for letter in open(&stores).await?.parked(limit).await? {
                println!("{}", line(&letter, now));
            }
        }
        LettersOrder::Retry { id, stores } => {
            let one = (id != "all").then_some(id.as_str());
            let released = open(&stores).await?.retry(one, now).await?;
            if released == 0 && one.is_some() {
                return Err(format!("no letter {id} was put aside that has an address").into());
            }
            println!("{released} sent again");
        }
        LettersOrder::Drop { id, stores } => {
            if !open(&stores).await?.forget(&id, now).await? {
                return Err(format!("no letter {id} was put aside").into());
            }
            println!("{id} forgotten");
        }
        LettersOrder::Health { stores } => {
            let letters = open(&stores).await?;
            for endpoint in letters.endpoints(None).await? {
                println!("{}", health_line(&endpoint, now));
            }
            for (system_id, receiver, since) in letters.gone(None).await? {
                println!("gone\t{system_id}\t{receiver}\t{}", age(now.0 - since.0));
            }
        }
        LettersOrder::Test {
            system_id,
            url,
            wait,
            stores,
        } => test(&stores, &system_id, &url, Duration::from_secs(wait)).await?,
        LettersOrder::Replay {
            system,
            from,
            from_position,
            until,
            dry_run,
            stores,
        } => {
            let range = ReplayRange {
                system_id: system,
                // That of the event is read from the log.
                from: from.unwrap_or(now),
                from_position,
                until: until.unwrap_or(now),
            };
            replay(&stores, range, dry_run).await?;
        }
    }
    Ok(())
}

async fn test(
    stores: &StoreArguments,
    system_id: &SystemId,
    url: &str,
    wait: Duration,
) -> Result<(), AnyError> {
    let (letters, root) = (open(stores).await?, stores.root()?);
    let began = SystemClock.now();
    let id = letters.begin_trial(&root, system_id, url, began).await?;
    loop {
        match letters.end_trial(&id).await? {
            Trial::Taken(status) => {
                println!("{id} taken: {status}");
                return Ok(());
            }
            Trial::Refused(Some(status), reason) => {
                return Err(format!("{id} not taken: {status}, {reason}").into());
            }
            Trial::Refused(None, reason) => return Err(format!("{id} not taken: {reason}").into()),
            Trial::Waiting if SystemClock.now().distance_ms(began) > wait.as_millis() as u64 => {
                return Err(format!(
                    "nobody has tried {id} yet; it stays in the outbox. Does the service run, with the role reactors?"
                )
                .into());
            }
            Trial::Waiting => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

async fn replay(
    stores: &StoreArguments,
    mut range: ReplayRange,
    dry_run: bool,
) -> Result<(), AnyError> {
    drop(open(stores).await?);
    let places = stores.stores();
    let log = event_log::open(&places.log).await?;
    if let Some(position) = range.from_position {
        let at = reactors::recorded_at(&*log, &range.system_id, position).await?;
        range.from = at.ok_or_else(|| format!("the system has no event at {position}"))?;
    }
    let clock = Arc::new(SystemClock);
    let replay = Replay::open(log, stores.root()?, clock, &places.outbox).await?;
    let bar = progress::bar("events", 0);
    let letters = replay.run(&range, !dry_run, |read, total| {
        bar.set_length(total);
        bar.set_position(read);
    });
    let letters = letters.await?;
    bar.finish_and_clear();
    let word = if dry_run {
        "would be sent again"
    } else {
        "are sent again"
    };
    println!("{letters} {word}");
    Ok(())
}

async fn open(stores: &StoreArguments) -> Result<Letters, AnyError> {
    if let Some(file) = stores.outbox_file()
        && !file.exists()
    {
        return Err(format!("there is no outbox at {}", file.display()).into());
    }
    Ok(Letters::open(&stores.stores().outbox).await?)
}

fn line(letter: &ParkedLetter, now: Timestamp) -> String {
    let status = letter.status.map_or("-".to_owned(), |it| it.to_string());
    let endpoint = Some(letter.endpoint.as_str()).filter(|endpoint| !endpoint.is_empty());
    [
        letter.id.as_str(),
        &letter.kind,
        &letter.system_id,
        endpoint.unwrap_or("-"),
        &letter.attempts.to_string(),
        &age(now.0 - letter.created_at.0),
        &status,
        &letter.reason,
    ]
    .join("\t")
}

fn health_line(health: &EndpointHealth, now: Timestamp) -> String {
    let since = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| age(now.0 - at.0));
    [
        health.endpoint.as_str(),
        &health.owed.to_string(),
        &health.parked.to_string(),
        &health.delivered.to_string(),
        &since(health.oldest),
        &since(health.last_taken),
        health.trouble.as_deref().unwrap_or("-"),
    ]
    .join("\t")
}

/// Days, hours or minutes, whichever says most.
fn age(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match (minutes / 1440, minutes / 60) {
        (0, 0) => format!("{minutes}m"),
        (0, hours) => format!("{hours}h"),
        (days, _) => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_where_how_often_how_long_and_why() {
        let letter = ParkedLetter {
            id: "msg_1".to_owned(),
            kind: "callback".to_owned(),
            system_id: "s".to_owned(),
            endpoint: "https://bank.example:443".to_owned(),
            attempts: 10,
            created_at: Timestamp(0),
            status: Some(500),
            reason: "refused".to_owned(),
        };
        let expected = "msg_1\tcallback\ts\thttps://bank.example:443\t10\t3d\t500\trefused";
        assert_eq!(line(&letter, Timestamp(75 * 3_600_000)), expected);
        let unread = ParkedLetter {
            endpoint: String::new(),
            status: None,
            ..letter
        };
        let expected = "msg_1\tcallback\ts\t-\t10\t59m\t-\trefused";
        assert_eq!(line(&unread, Timestamp(59 * 60_000)), expected);
        assert_eq!(age(90 * 60_000), "1h");
    }
}
