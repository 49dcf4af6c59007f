use projections::store::Durability;

use super::*;

type Outcome = Result<(), StoreError>;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

struct Desk {
    ledger: Ledger,
    _folder: tempfile::TempDir,
}

async fn desk() -> Result<Desk, StoreError> {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("pushes.sqlite").display());
    let ledger = Ledger::open(Store::open(&address, Durability::Lasting).await?).await?;
    PUSHES.place(&ledger.store, &[0; 64]).await?;
    Ok(Desk {
        ledger,
        _folder: folder,
    })
}

fn push(id: &str, deadline: Option<Timestamp>) -> Owed {
    let owner: Owner = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53/one".parse().unwrap();
    Owed::about_new(&owner, &id.parse().unwrap(), None, deadline, NOW)
}

fn sent(owed: &Owed) -> Settled {
    Settled {
        id: owed.id.clone(),
        state: State::Ended,
        attempt: 1,
        next_at: NOW,
        progress: Progress { next: 1, taken: 1 },
    }
}

impl Desk {
    async fn takes(&self, new: &[Owed]) -> Outcome {
        let same = &[0; 64][..];
        let taken = self
            .ledger
            .add((same, same), new, &[], Withdrawals::Sent, NOW);
        assert!(taken.await?.is_some());
        Ok(())
    }

    async fn hears_it_is_over(&self, owed: &Owed) -> Outcome {
        let (same, over) = (&[0; 64][..], [owed.about.clone()]);
        let heard = self
            .ledger
            .add((same, same), &[], &over, Withdrawals::Sent, NOW);
        assert!(heard.await?.is_some());
        Ok(())
    }

    async fn due(&self) -> Result<Vec<Owed>, StoreError> {
        Ok(self.ledger.due(NOW, 10).await?.pushes)
    }
}

#[tokio::test]
async fn a_push_is_owed_once_and_reads_back() -> Outcome {
    let desk = desk().await?;
    let one = push("t-1", Some(NOW.plus_ms(60_000)));
    desk.takes(std::slice::from_ref(&one)).await?;
    desk.takes(std::slice::from_ref(&one)).await?;
    assert_eq!(desk.due().await?, [one]);
    Ok(())
}

#[tokio::test]
async fn another_reader_is_noticed() -> Outcome {
    let desk = desk().await?;
    let (old, new) = (&[1; 64][..], &[2; 64][..]);
    let added = desk
        .ledger
        .add((old, new), &[], &[], Withdrawals::Sent, NOW);
    assert!(added.await?.is_none());
    Ok(())
}

#[tokio::test]
async fn what_is_over_before_it_was_sent_is_not_sent() -> Outcome {
    let desk = desk().await?;
    let one = push("t-1", None);
    desk.takes(std::slice::from_ref(&one)).await?;
    desk.hears_it_is_over(&one).await?;
    assert_eq!(desk.due().await?, []);
    Ok(())
}

#[tokio::test]
async fn what_was_sent_is_withdrawn_once() -> Outcome {
    let desk = desk().await?;
    let one = push("t-1", None);
    desk.takes(std::slice::from_ref(&one)).await?;
    desk.ledger
        .settle(&[sent(&one)], Withdrawals::Sent, NOW)
        .await?;
    assert_eq!(desk.due().await?, []);
    desk.hears_it_is_over(&one).await?;
    desk.hears_it_is_over(&one).await?;
    let due = desk.due().await?;
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].purpose, &due[0].about),
        (Purpose::Withdrawal, &one.about)
    );
    Ok(())
}

#[tokio::test]
async fn what_was_on_its_way_when_it_was_over_is_withdrawn_too() -> Outcome {
    let desk = desk().await?;
    let (one, two) = (push("t-1", None), push("t-2", None));
    desk.takes(&[one.clone(), two.clone()]).await?;
    desk.hears_it_is_over(&one).await?;
    desk.hears_it_is_over(&two).await?;
    let again = Settled {
        state: State::Due,
        progress: Progress::default(),
        ..sent(&two)
    };
    desk.ledger
        .settle(&[sent(&one), again], Withdrawals::Sent, NOW)
        .await?;
    let due = desk.due().await?;
    assert_eq!(due.len(), 1, "the second never was sent");
    assert_eq!(
        (due[0].purpose, &due[0].about),
        (Purpose::Withdrawal, &one.about)
    );
    Ok(())
}

#[tokio::test]
async fn what_the_log_has_to_hear_stays_due() -> Outcome {
    let desk = desk().await?;
    let one = push("t-1", None);
    desk.takes(std::slice::from_ref(&one)).await?;
    for failure in PushFailure::ALL {
        let told = Settled {
            state: State::Told(Err(failure)),
            ..sent(&one)
        };
        desk.ledger.settle(&[told], Withdrawals::Sent, NOW).await?;
        assert_eq!(desk.due().await?[0].state, State::Told(Err(failure)));
    }
    assert_eq!(desk.ledger.open_count().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_push_whose_time_has_not_come_waits() -> Outcome {
    let desk = desk().await?;
    let one = push("t-1", None);
    desk.takes(std::slice::from_ref(&one)).await?;
    let later = NOW.plus_ms(1000);
    let again = Settled {
        state: State::Due,
        next_at: later,
        ..sent(&one)
    };
    desk.ledger
        .settle(&[again], Withdrawals::NotSent, NOW)
        .await?;
    let due = desk.ledger.due(NOW, 10).await?;
    assert_eq!((due.pushes.len(), due.next_at), (0, Some(later)));
    assert_eq!(desk.ledger.due(later, 10).await?.pushes[0].progress.next, 1);
    Ok(())
}

#[tokio::test]
async fn what_is_old_is_forgotten() -> Outcome {
    let desk = desk().await?;
    let one = push("t-1", Some(NOW.plus_ms(60_000)));
    desk.takes(std::slice::from_ref(&one)).await?;
    desk.ledger
        .settle(&[sent(&one)], Withdrawals::Sent, NOW)
        .await?;
    desk.ledger
        .forget_old(NOW.plus_ms(60_001 + AFTERLIFE_MS))
        .await?;
    desk.hears_it_is_over(&one).await?;
    assert_eq!(desk.due().await?, []);
    Ok(())
}
