//! `countersign letters`: what nobody took, and what a person makes of it. It works on the outbox beside a running service,
//! which finds letters that are sent again within a minute.

use bus::shell::{Clock as _, SystemClock};
use clap::{Args, Subcommand};
use reactors::{Letters, ParkedLetter};
use schemas::Timestamp;

use crate::AnyError;
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
}

/// Carries the order out.
pub fn run(arguments: LettersArguments) -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
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
            if !open(&stores).await?.forget(&id).await? {
                return Err(format!("no letter {id} was put aside").into());
            }
            println!("{id} forgotten");
        }
    }
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
