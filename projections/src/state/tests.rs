use super::*;
use crate::Projector;
use crate::sample::{History, created_user, delayed_key, put_in_force, updated_key};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The state of the sample below. When this changes, an old event does something else than it did: [`VERSION`] has to grow.
const SAMPLE: &str = "25dd9eabb69842ab5e16158204ddfbfc82acc2a3e6eec21f6ac0de0c56240d5b";

async fn sample() -> History {
    let mut history = History::new();
    for number in 0..20 {
        history
            .live(&History::user(&format!("sample-{number}")), 30)
            .await;
    }
    let owner = History::user("ring");
    for event in [
        created_user(),
        delayed_key(2, None),
        delayed_key(3, Some(2)),
        put_in_force(3, 1),
        updated_key(4),
    ] {
        history.happen(&owner, vec![event]).await;
    }
    history
}

async fn folded(mut fold: StateFold) -> Result<Digest, Box<dyn std::error::Error>> {
    let heads = fold.log.heads().await?;
    fold.advance_to(&heads, |_| {}).await?;
    Ok(fold.hash())
}

#[tokio::test]
async fn the_state_of_the_sample_is_what_it_was() -> Outcome {
    let found = folded(StateFold::new(sample().await.log)).await?;
    assert_eq!(
        found.to_string(),
        SAMPLE,
        "raise VERSION, then put this here"
    );
    Ok(())
}

#[tokio::test]
async fn neither_the_steps_nor_the_memory_matter() -> Outcome {
    let history = sample().await;
    let whole = folded(StateFold::new(history.log.clone())).await?;
    let heads = history.log.heads().await?;
    let mut forgetful = StateFold::new(history.log.clone());
    forgetful.rows_max = 0;
    let mut between = Vec::new();
    for step in (7..70).step_by(7) {
        let until: Vec<u64> = heads.iter().map(|head| (*head).min(step)).collect();
        forgetful.advance_to(&until, |_| {}).await?;
        between.push(forgetful.hash());
    }
    assert_eq!(folded(forgetful).await?, whole);
    between.dedup();
    assert!(between.len() > 5 && between[0] != whole);
    Ok(())
}

#[tokio::test]
async fn the_rows_that_serve_have_the_same_hash() -> Outcome {
    let history = sample().await;
    let folder = tempfile::tempdir()?;
    let address = format!("sqlite:{}", folder.path().join("read.sqlite").display());
    let projector = Projector::open(history.log.clone(), &address).await?;
    projector.catch_up().await?;
    let mut served = StateFold::new(history.log.clone());
    for table in TABLES {
        let sql = format!("select {} from {}", table.columns.join(", "), table.table);
        for row in projector.store.fetch(sql, Vec::new()).await? {
            let (key, columns) = row.split_at(table.key);
            served.set.add(&member(table, key, columns));
        }
    }
    assert_eq!(served.hash(), folded(StateFold::new(history.log)).await?);
    Ok(())
}

#[tokio::test]
async fn it_does_not_go_back() -> Outcome {
    let history = sample().await;
    let mut fold = StateFold::new(history.log.clone());
    let heads = history.log.heads().await?;
    fold.advance_to(&heads, |_| {}).await?;
    let back = fold.advance_to(&[0; 64], |_| {}).await;
    assert!(matches!(back, Err(StateError::Passed)));
    Ok(())
}
