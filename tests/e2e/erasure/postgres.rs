//! The same on PostgreSQL, which overwrites nothing by itself: what the operator does, and what every file of the server
//! and of a copy holds before and after.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bus::shell::RootSecret;
use sqlx::{Connection as _, PgConnection};
use tests::postgres::TestPostgres;

use super::search::Search;
use super::typing::{self, CANARIES, CONTROL};
use super::{
    ROWS, Row, Way, every_canary_is_sealed, every_proof_holds, is_of_the_system, order,
    sealed_bytes, start, the_other_banks_is_kept,
};

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

/// The letters that nobody has taken.
async fn letters(database: &mut PgConnection) -> Vec<(String, String, String)> {
    let letters = "select system_id, id, body from delivery where body is not null";
    sqlx::query_as(letters).fetch_all(database).await.unwrap()
}

/// What they say.
fn open(folder: &Path, letters: &[(String, String, String)]) -> Vec<u8> {
    let root = RootSecret::open_or_create(&folder.join("data/secret")).unwrap();
    let said = letters.iter().flat_map(|(tenant, id, body)| {
        let sealed = BASE64_STANDARD.decode(body).unwrap();
        let opened = root.open(tenant, &format!("delivery/{id}"), &sealed);
        opened.unwrap().expose().to_vec()
    });
    said.collect()
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
    erased_on_postgresql(Way::OneByOne).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_removed_system_is_in_any_file_of_postgresql_after_the_operators_part() {
    erased_on_postgresql(Way::Removal).await;
}

async fn erased_on_postgresql(way: Way) {
    let Some(server) = TestPostgres::start_own() else {
        return;
    };
    let url = server.database();
    let mut database = PgConnection::connect(&url).await.unwrap();
    run(&mut database, &BEFOREHAND).await;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let program = start(folder, Some(&url));
    // Nobody listens there, so every letter waits, and has to be told what it may not tell any more.
    program.register("http://127.0.0.1:9").await;
    program.has_another_bank().await;
    let user = typing::everything(&program).await;
    program.has_more_users().await;
    run(&mut database, &["checkpoint"]).await;
    let before = sealed(&mut database).await;
    every_canary_is_sealed(folder, &before);
    let before = sealed_bytes(&before);
    let letters = letters(&mut database).await;
    let told = canaries().found_in(&open(folder, &letters)).len();
    assert!(told >= 4, "push address and reasons: {told}");
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
    let found = control.found_below(server.folder());
    for part in ["/base/", "/pg_wal/"] {
        let mut paths = found[CONTROL].iter();
        assert!(paths.any(|path| path.contains(part)), "{found:?}");
    }

    program.erase(way, &user).await;
    crate::until(async || {
        let mut database = PgConnection::connect(&url).await.unwrap();
        !sealed(&mut database).await.iter().any(is_of_the_system)
    })
    .await;
    program.signed(async || events(&url).await).await;
    let after = sealed(&mut database).await;
    the_other_banks_is_kept(folder, &after);
    let after = sealed_bytes(&after);
    let erased: BTreeSet<_> = before.difference(&after).cloned().collect();
    assert!(erased.len() > 20, "{} of {}", erased.len(), before.len());
    let mut erased = rows(&erased);
    crate::until(async || {
        let mut database = PgConnection::connect(&url).await.unwrap();
        let letters = self::letters(&mut database).await;
        assert!(!letters.is_empty());
        canaries.found_in(&open(folder, &letters)).is_empty()
    })
    .await;
    for (number, (.., body)) in letters.iter().enumerate() {
        erased.add(&format!("letter {number}"), body.as_bytes());
    }
    // PostgreSQL marks rows as gone and leaves them where they are, also after a plain vacuum.
    run(&mut database, &["checkpoint"]).await;
    let left_by_deleting = count(&erased, server.folder());
    run(&mut database, &["vacuum", "checkpoint"]).await;
    let left_by_vacuum = count(&erased, server.folder());
    run(&mut database, &AFTERWARDS).await;
    let left = erased.found_below(server.folder());
    assert_ne!((left_by_deleting, left_by_vacuum), (0, 0));
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
    let found = control.found_below(folder);
    for part in ["new/events", "streams/EVT"] {
        let mut paths = found[CONTROL].iter();
        assert!(paths.any(|path| path.contains(part)), "{found:?}");
    }
    order(folder, &["restore", "new", "--check"]);
    every_proof_holds(folder, Some(&url));
}
