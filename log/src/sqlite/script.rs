//! The statements of a batch, complete with their values: a few, with many rows each.

use schemas::Lane;
use sqlx::AssertSqlSafe;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

use crate::group::Rows;

pub(super) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// Rows of one statement: few lengths, so that SQLite keeps each statement prepared.
const LENGTHS: [usize; 5] = [256, 64, 16, 4, 1];

const DELETE_VAULT: &str = "delete from vault where (owner, name) in (";
const DELETE_TIMERS: &str = "delete from timers where (owner, name) in (";

/// A group at its place: its lane, and the number of the event before its first.
pub(super) type Placed<'a> = (Lane, u64, Rows<'a>);

/// Asks whether an owner's history is not where its group expects it.
pub(super) fn ask_stale(groups: &[Placed<'_>]) -> Vec<Statement> {
    let histories = all(groups, |_, _, rows| rows.histories.clone());
    in_pieces(&histories, |histories| {
        let statement = statement(
            "select 1 from (",
            (2, histories.len()),
            ") as expected where expected.column2 <> \
             coalesce((select max(version) from events where owner = expected.column1), 0) limit 1",
        );
        histories
            .iter()
            .fold(statement, |statement, (owner, version)| {
                statement.bind(*owner).bind(*version as i64)
            })
    })
}

/// Writes the groups.
pub(super) fn write(groups: &[Placed<'_>]) -> Vec<Statement> {
    let mut script = Vec::new();
    script.extend(insert_events(groups));
    script.extend(insert_commands(groups));
    for owner in all(groups, |_, _, rows| rows.erased_owners.clone()) {
        script.push(sqlx::query("delete from vault where owner = ?").bind(owner));
    }
    script.extend(erase(&all(groups, |_, _, rows| rows.erased.clone())));
    script.extend(write_vault(groups));
    script.extend(set_timers(groups));
    let cancelled = all(groups, |_, _, rows| rows.cancelled.clone());
    script.extend(delete_pairs(DELETE_TIMERS, &cancelled));
    script.extend(take_names(groups));
    script.extend(move_counters(groups));
    script.extend(move_lanes(groups));
    script
}

/// Erases rows of the vault, by owner and name.
pub(super) fn erase(pairs: &[(&str, &str)]) -> Vec<Statement> {
    delete_pairs(DELETE_VAULT, pairs)
}

fn insert_events(groups: &[Placed<'_>]) -> Vec<Statement> {
    let events = all(groups, |lane, before, rows| {
        let numbered = (before + 1..).zip(&rows.events);
        numbered.map(|(number, row)| (lane, number, row)).collect()
    });
    in_pieces(&events, |events| {
        let head = "insert into events (lane, pos, owner, version, word, aggregate, at, payload) ";
        let statement = statement(head, (8, events.len()), "");
        events
            .iter()
            .fold(statement, |statement, (lane, number, row)| {
                statement
                    .bind(i64::from(lane.number()))
                    .bind(*number as i64)
                    .bind(row.owner)
                    .bind(row.version as i64)
                    .bind(&*row.event.word)
                    .bind(&*row.event.aggregate)
                    .bind(row.event.at.0)
                    .bind(row.event.payload.as_ref())
            })
    })
}

fn insert_commands(groups: &[Placed<'_>]) -> Vec<Statement> {
    let commands = all(groups, |lane, before, rows| {
        let placed = rows.commands.iter();
        placed
            .map(|(command, offset)| (lane, before + offset, *command))
            .collect()
    });
    in_pieces(&commands, |commands| {
        let head = "insert into commands (command_id, lane, pos, fingerprint, code, answer) ";
        let statement = statement(head, (6, commands.len()), "");
        commands
            .iter()
            .fold(statement, |statement, (lane, number, command)| {
                statement
                    .bind(command.command_id.0.to_vec())
                    .bind(i64::from(lane.number()))
                    .bind(*number as i64)
                    .bind(command.fingerprint.0.to_vec())
                    .bind(i64::from(command.code.number()))
                    .bind(command.answer.as_slice())
            })
    })
}

fn write_vault(groups: &[Placed<'_>]) -> Vec<Statement> {
    let written = all(groups, |_, _, rows| rows.written.clone());
    in_pieces(&written, |written| {
        let statement = statement(
            "insert into vault (owner, name, sealed) ",
            (3, written.len()),
            " on conflict (owner, name) do update set sealed = excluded.sealed",
        );
        written
            .iter()
            .fold(statement, |statement, (owner, name, sealed)| {
                statement.bind(*owner).bind(*name).bind(*sealed)
            })
    })
}

fn set_timers(groups: &[Placed<'_>]) -> Vec<Statement> {
    let timers = all(groups, |lane, _, rows| {
        let timers = rows.timers.iter();
        timers
            .map(|(owner, name, due_at)| (lane, *owner, *name, *due_at))
            .collect()
    });
    in_pieces(&timers, |timers| {
        let statement = statement(
            "insert into timers (owner, name, lane, due_at) ",
            (4, timers.len()),
            " on conflict (owner, name) do update set due_at = excluded.due_at",
        );
        timers
            .iter()
            .fold(statement, |statement, (lane, owner, name, due_at)| {
                statement
                    .bind(*owner)
                    .bind(*name)
                    .bind(i64::from(lane.number()))
                    .bind(due_at.0)
            })
    })
}

fn take_names(groups: &[Placed<'_>]) -> Vec<Statement> {
    let claims = all(groups, |_, _, rows| rows.claims.clone());
    in_pieces(&claims, |claims| {
        let head = "insert into claims (scope, name, owner) ";
        let statement = statement(head, (3, claims.len()), "");
        claims.iter().fold(statement, |statement, (claim, owner)| {
            statement
                .bind(claim.scope.as_str())
                .bind(claim.name.as_str())
                .bind(*owner)
        })
    })
}

/// Row after row, so that each meets the limit of its own step: the table's check refuses one that passes it.
fn move_counters(groups: &[Placed<'_>]) -> Vec<Statement> {
    let counts = all(groups, |_, _, rows| rows.counts.clone());
    in_pieces(&counts, |counts| {
        let statement = statement(
            "insert into counts (name, shown, most) ",
            (3, counts.len()),
            " on conflict (name) do update set shown = counts.shown + excluded.shown, most = excluded.most",
        );
        counts.iter().fold(statement, |statement, count| {
            statement
                .bind(count.name.as_str())
                .bind(count.step)
                .bind(count.max)
        })
    })
}

fn move_lanes(groups: &[Placed<'_>]) -> Vec<Statement> {
    in_pieces(groups, |groups| {
        let statement = statement(
            "update lanes set pos = column2 from (",
            (2, groups.len()),
            ") where lane = column1",
        );
        groups
            .iter()
            .fold(statement, |statement, (lane, before, rows)| {
                let last = before + rows.events.len() as u64;
                statement.bind(i64::from(lane.number())).bind(last as i64)
            })
    })
}

/// Deletes rows by owner and name.
fn delete_pairs(head: &'static str, pairs: &[(&str, &str)]) -> Vec<Statement> {
    in_pieces(pairs, |pairs| {
        let statement = statement(head, (2, pairs.len()), ")");
        pairs.iter().fold(statement, |statement, (owner, name)| {
            statement.bind(*owner).bind(*name)
        })
    })
}

/// The rows of one kind, of all groups.
fn all<'a, Row>(
    groups: &'a [Placed<'a>],
    of: impl Fn(Lane, u64, &'a Rows<'a>) -> Vec<Row>,
) -> Vec<Row> {
    let rows = groups
        .iter()
        .flat_map(|(lane, before, rows)| of(*lane, *before, rows));
    rows.collect()
}

/// A statement for every piece of these rows.
fn in_pieces<Row>(mut rows: &[Row], statement: impl Fn(&[Row]) -> Statement) -> Vec<Statement> {
    let mut statements = Vec::new();
    for length in LENGTHS {
        while let Some((piece, left)) = rows.split_at_checked(length) {
            statements.push(statement(piece));
            rows = left;
        }
    }
    statements
}

/// A statement around `values (?, …), …` with so many columns and rows.
fn statement(head: &'static str, (columns, rows): (usize, usize), tail: &'static str) -> Statement {
    let row = format!("({})", vec!["?"; columns].join(", "));
    let sql = format!("{head}values {}{tail}", vec![row.as_str(); rows].join(", "));
    // Only literals and question marks went into it.
    sqlx::query(AssertSqlSafe(sql))
}
