-- Groups of several lanes in one statement, and so in one transaction: everything below happens, or nothing.
--
-- Everything hangs on `moved`. The lanes' rows stay locked until the commit, so positions follow the order of the commits
-- and have no gap. A lane moves only when our epoch is the newest, when it has not moved since this statement began to
-- look (its questions are then answered by what is true now), and when every history is where its group expects it.
--
-- A part that stands under `only with` is left out of the text where no group has such rows: looking at nothing takes time,
-- too. Numbers of columns stay as they are.
with
asked as materialized (
    select lane, epoch, events from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as asked (lane, epoch, events)
),
stale as materialized (
    select exists (
        select from unnest($4::text[], $5::bigint[]) as expected (owner, version)
        where expected.version
            <> coalesce((select max(events.version) from events where events.owner = expected.owner), 0)
    ) as somewhere
),
before as materialized (
    select lanes.lane, lanes.pos, lanes.epoch = asked.epoch as ours from lanes join asked on asked.lane = lanes.lane
),
moved as (
    update lanes set pos = lanes.pos + asked.events
    from asked, before
    where lanes.lane = asked.lane
        and lanes.epoch = asked.epoch
        and before.lane = asked.lane
        and lanes.pos = before.pos
        and not (select somewhere from stale)
        and (select bool_and(ours) from before)
    returning lanes.lane, lanes.pos - asked.events as base
),
appended as (
    insert into events (lane, pos, owner, version, word, aggregate, at, payload)
    select lane, base + number, owner, version, word, aggregate, at, payload
    from moved join unnest(
        $6::smallint[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bigint[], $13::bytea[]
    ) as new (lane, number, owner, version, word, aggregate, at, payload) using (lane)
),
-- only with erased owners
-- What is written below is replaced there: one statement may touch a row only once.
erased_owners as (
    delete from vault using unnest($20::text[]) as gone (owner)
    where vault.owner = gone.owner and exists (select from moved) and not exists (
        select from unnest($23::text[], $24::text[]) as kept (owner, name)
        where kept.owner = vault.owner and kept.name = vault.name
    )
),
-- only with erased rows
erased as (
    delete from vault using unnest($21::text[], $22::text[]) as gone (owner, name)
    where vault.owner = gone.owner and vault.name = gone.name and exists (select from moved)
),
-- only with written rows
written as (
    insert into vault (owner, name, sealed)
    select owner, name, sealed
    from unnest($23::text[], $24::text[], $25::bytea[]) as new (owner, name, sealed)
    where exists (select from moved)
    on conflict (owner, name) do update set sealed = excluded.sealed
),
-- only with timers
set_timers as (
    insert into timers (owner, name, lane, due_at)
    select owner, name, lane, due_at
    from moved join unnest($26::smallint[], $27::text[], $28::text[], $29::bigint[])
        as new (lane, owner, name, due_at) using (lane)
    on conflict (owner, name) do update set due_at = excluded.due_at
),
-- only with cancelled timers
cancelled_timers as (
    delete from timers using unnest($30::text[], $31::text[]) as gone (owner, name)
    where timers.owner = gone.owner and timers.name = gone.name and exists (select from moved)
),
-- only with claims
claimed as (
    insert into claims (scope, name, owner)
    select scope, name, owner
    from unnest($32::text[], $33::text[], $34::text[]) as new (scope, name, owner)
    where exists (select from moved)
),
-- only with counts
-- The row is locked until the commit and read as it is then, so no two statements can take the same last place; the
-- table's check refuses one that passes the limit.
counted as (
    insert into counts as old (name, shown, most)
    select name, sum(step), min(most)
    from unnest($35::text[], $36::bigint[], $37::bigint[]) as new (name, step, most)
    where exists (select from moved)
    group by name
    order by name
    on conflict (name) do update set shown = old.shown + excluded.shown, most = excluded.most
),
-- always
answered as (
    insert into commands (command_id, lane, pos, fingerprint, code, answer)
    select command_id, lane, base + number, fingerprint, code, answer
    from moved join unnest($14::smallint[], $15::bytea[], $16::bigint[], $17::bytea[], $18::integer[], $19::bytea[])
        as new (lane, command_id, number, fingerprint, code, answer) using (lane)
)
-- A fence that falls between the look and the lock would let some lanes move without the others: dividing by nothing
-- takes all of it back.
select
    asked.lane,
    moved.base,
    lanes.epoch,
    stale.somewhere,
    1 / case when (select count(*) from moved) in (0, cardinality($1)) then 1 else 0 end as all_or_nothing
from asked
join lanes on lanes.lane = asked.lane
left join moved on moved.lane = asked.lane
cross join stale
