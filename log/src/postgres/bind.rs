//! The statement with its thirty-seven columns; their numbers stand in `append.sql`.

use schemas::Lane;

use super::batch::Statement;
use super::parts;
use crate::group::Rows;
use crate::port::Epoch;

/// The append of groups of different lanes.
pub(super) fn bind(groups: &[(Lane, Epoch, Rows<'_>)]) -> Statement {
    let lane_of = |lane: &Lane| i16::from(lane.number());
    sqlx::query(parts::text(groups.iter().map(|(.., rows)| rows)))
        .bind(
            groups
                .iter()
                .map(|(lane, ..)| lane_of(lane))
                .collect::<Vec<_>>(),
        )
        .bind(
            groups
                .iter()
                .map(|(_, epoch, _)| epoch.0 as i64)
                .collect::<Vec<_>>(),
        )
        .bind(
            groups
                .iter()
                .map(|(.., rows)| rows.events.len() as i64)
                .collect::<Vec<_>>(),
        )
        .bind(column(
            groups,
            |rows| &rows.histories,
            |_, (owner, _)| *owner,
        ))
        .bind(column(
            groups,
            |rows| &rows.histories,
            |_, (_, version)| *version as i64,
        ))
        .bind(column(groups, |rows| &rows.events, |lane, _| lane_of(lane)))
        .bind(
            groups
                .iter()
                .flat_map(|(.., rows)| 1..=rows.events.len() as i64)
                .collect::<Vec<_>>(),
        )
        .bind(column(groups, |rows| &rows.events, |_, row| row.owner))
        .bind(column(
            groups,
            |rows| &rows.events,
            |_, row| row.version as i64,
        ))
        .bind(column(
            groups,
            |rows| &rows.events,
            |_, row| &*row.event.word,
        ))
        .bind(column(
            groups,
            |rows| &rows.events,
            |_, row| &*row.event.aggregate,
        ))
        .bind(column(groups, |rows| &rows.events, |_, row| row.event.at.0))
        .bind(column(
            groups,
            |rows| &rows.events,
            |_, row| row.event.payload.as_ref(),
        ))
        .bind(column(
            groups,
            |rows| &rows.commands,
            |lane, _| lane_of(lane),
        ))
        .bind(column(
            groups,
            |rows| &rows.commands,
            |_, (row, _)| row.command_id.0.as_slice(),
        ))
        .bind(column(
            groups,
            |rows| &rows.commands,
            |_, (_, number)| *number as i64,
        ))
        .bind(column(
            groups,
            |rows| &rows.commands,
            |_, (row, _)| row.fingerprint.0.as_slice(),
        ))
        .bind(column(
            groups,
            |rows| &rows.commands,
            |_, (row, _)| i32::from(row.code.number()),
        ))
        .bind(column(
            groups,
            |rows| &rows.commands,
            |_, (row, _)| row.answer.as_slice(),
        ))
        .bind(column(
            groups,
            |rows| &rows.erased_owners,
            |_, owner| *owner,
        ))
        .bind(column(groups, |rows| &rows.erased, |_, (owner, _)| *owner))
        .bind(column(groups, |rows| &rows.erased, |_, (_, name)| *name))
        .bind(column(
            groups,
            |rows| &rows.written,
            |_, (owner, ..)| *owner,
        ))
        .bind(column(
            groups,
            |rows| &rows.written,
            |_, (_, name, _)| *name,
        ))
        .bind(column(
            groups,
            |rows| &rows.written,
            |_, (.., sealed)| *sealed,
        ))
        .bind(column(groups, |rows| &rows.timers, |lane, _| lane_of(lane)))
        .bind(column(groups, |rows| &rows.timers, |_, (owner, ..)| *owner))
        .bind(column(groups, |rows| &rows.timers, |_, (_, name, _)| *name))
        .bind(column(
            groups,
            |rows| &rows.timers,
            |_, (.., due_at)| due_at.0,
        ))
        .bind(column(
            groups,
            |rows| &rows.cancelled,
            |_, (owner, _)| *owner,
        ))
        .bind(column(groups, |rows| &rows.cancelled, |_, (_, name)| *name))
        .bind(column(
            groups,
            |rows| &rows.claims,
            |_, (claim, _)| claim.scope.as_str(),
        ))
        .bind(column(
            groups,
            |rows| &rows.claims,
            |_, (claim, _)| claim.name.as_str(),
        ))
        .bind(column(groups, |rows| &rows.claims, |_, (_, owner)| *owner))
        .bind(column(
            groups,
            |rows| &rows.counts,
            |_, count| count.name.as_str(),
        ))
        .bind(column(groups, |rows| &rows.counts, |_, count| count.step))
        .bind(column(groups, |rows| &rows.counts, |_, count| count.max))
}

/// One column of one kind of rows, over all groups.
fn column<'a, Row: 'a, Value>(
    groups: &'a [(Lane, Epoch, Rows<'a>)],
    rows: impl Fn(&'a Rows<'a>) -> &'a Vec<Row>,
    value: impl Fn(&'a Lane, &'a Row) -> Value,
) -> Vec<Value> {
    let (rows, value) = (&rows, &value);
    groups
        .iter()
        .flat_map(|(lane, _, group)| rows(group).iter().map(move |row| value(lane, row)))
        .collect()
}
