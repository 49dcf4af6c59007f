//! The same on PostgreSQL, which overwrites nothing by itself: what the operator does, and what every file of the server
//! and of a copy holds before and after.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::{Connection as _, PgConnection};
use tests::postgres::TestPostgres;

use super::search::Search;
use super::typing::{self, CANARIES, CONTROL};
use super::{ROWS, Row, every_canary_is_sealed, every_proof_holds, order, sealed_bytes, start};

/// What `docs/sre.md` tells an operator to do, once.
const BEFOREHAND: [&str; 2] = [
    "alter system set wal_recycle = off",
    "select pg_reload_conf()",
];
/// And what after an erasure.
const AFTERWARDS: [&str; 4] = [
    "vacuum (full) vault, delivery",
    "checkpoint",
    "select pg_switch_wal()",
    "checkpoint",
];

async fn run(database: &mut PgConnection, statements: &[&'static str]) {
    for statement in statements {
        let done = sqlx::raw_sql(*statement).execute(&mut *database).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// The sealed rows of the vault.
async fn sealed(database: &mut PgConnection) -> Vec<Row> {
    sqlx::query_as(ROWS).fetch_all(database).await.unwrap()
}

async fn events(url: &str) -> i64 {
    let mut database = PgConnection::connect(url).await.unwrap();
    let count = sqlx::query_scalar("select count(*) from events");
    count.fetch_one(&mut database).await.unwrap()
}

/// Every value of every table of ours as text: a file may hold it compressed.
async fn contents(database: &mut PgConnection) -> Vec<u8> {
    let names = "select format('%I.%I', schemaname, tablename) from pg_tables \
        where schemaname not in ('pg_catalog', 'information_schema')";
    let names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&mut *database)
        .await
        .unwrap();
    assert!(names.len() > 10, "{names:?}");
    let mut contents = Vec::new();
    for name in names {
        let rows = format!("select row_to_json(t)::text from {name} t");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_all(&mut *database)
            .await
            .unwrap();
        contents.extend(rows.into_iter().flat_map(String::into_bytes));
    }
    contents
}

fn canaries() -> Search {
    let mut search = Search::default();
    for canary in CANARIES {
        search.add_text(canary);
    }
    search
}

fn rows(of: &BTreeSet<Vec<u8>>) -> Search {
    let mut search = Search::default();
    for (number, sealed) in of.iter().enumerate() {
        search.add(&format!("row {number}"), sealed);
    }
    search
}

/// How many of these are in files below.
fn count(search: &Search, folder: &Path) -> usize {
    search.found_below(folder).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_in_no_file_of_postgresql_after_the_operators_part() {
    let Some(server) = TestPostgres::start_own() else {
        return;
    };
    let url = server.database();
    let mut database = PgConnection::connect(&url).await.unwrap();
    run(&mut database, &BEFOREHAND).await;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let program = start(folder, Some(&url));
    program.register().await;
    let user = typing::everything(&program).await;
    run(&mut database, &["checkpoint"]).await;
    let before = sealed(&mut database).await;
    every_canary_is_sealed(folder, &before);
    let before = sealed_bytes(&before);
    let copy = ["--data", "data", "--database-url", &url];
    order(folder, &[&["backup", "old"], &copy[..]].concat());

    // Nothing lies open on any disk at any time; what is sealed is seen where it should be, so this would find it.
    let canaries = canaries();
    let found = canaries.found_below(server.folder());
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(count(&canaries, folder), 0);
    assert_eq!(count(&rows(&before), server.folder()), before.len());
    assert_eq!(count(&rows(&before), &folder.join("old")), before.len());
    let mut control = Search::default();
    control.add_text(CONTROL);
    let open = control.found_below(server.folder());
    for part in ["/base/", "/pg_wal/"] {
        let mut paths = open[CONTROL].iter();
        assert!(paths.any(|path| path.contains(part)), "{open:?}");
    }

    program.erase(&user).await;
    program.signed(async || events(&url).await).await;
    let after = sealed_bytes(&sealed(&mut database).await);
    let erased: BTreeSet<_> = before.difference(&after).cloned().collect();
    assert!(erased.len() > 20, "{} of {}", erased.len(), before.len());
    let erased = rows(&erased);
    // PostgreSQL marks rows as gone and leaves them where they are, also after a plain vacuum.
    run(&mut database, &["checkpoint"]).await;
    let left_by_deleting = count(&erased, server.folder());
    run(&mut database, &["vacuum", "checkpoint"]).await;
    let left_by_vacuum = count(&erased, server.folder());
    run(&mut database, &AFTERWARDS).await;
    let left = erased.found_below(server.folder());
    eprintln!("deleted {left_by_deleting}, vacuumed {left_by_vacuum}, in the end {left:?}");
    assert_ne!(left_by_deleting, 0);
    assert!(left.is_empty(), "{left:?}");
    let found = canaries.found_below(server.folder());
    assert!(found.is_empty(), "{found:?}");
    let contents = contents(&mut database).await;
    assert_eq!(canaries.found_in(&contents), BTreeSet::new());
    assert!(!control.found_in(&contents).is_empty());

    // The folder of data, the stream in it, and a copy that is made when the old one was given up.
    std::fs::remove_dir_all(folder.join("old")).unwrap();
    order(folder, &[&["backup", "new"], &copy[..]].concat());
    program.running.end();
    for search in [&canaries, &erased] {
        let found = search.found_below(folder);
        assert!(found.is_empty(), "{found:?}");
    }
    let open = control.found_below(folder);
    for part in ["new/events", "streams/EVT"] {
        let mut paths = open[CONTROL].iter();
        assert!(paths.any(|path| path.contains(part)), "{open:?}");
    }
    order(folder, &["restore", "new", "--check"]);
    every_proof_holds(folder, Some(&url));
}
