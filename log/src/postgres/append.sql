-- One group in one statement, and so in one transaction: everything below happens, or nothing.
--
-- Everything hangs on `moved`. Its row stays locked until the commit, so positions follow the order of the commits and
-- have no gap. It moves only when our epoch is the newest, when the lane has not moved since this statement began to
-- look (its questions are then answered by what is true now), and when every history is where the group expects it.
with
stale as materialized (
    select exists (
        select from unnest($4::text[], $5::bigint[]) as expected (owner, version)
        where expected.version
            <> coalesce((select max(events.version) from events where events.owner = expected.owner), 0)
    ) as somewhere
),
moved as (
    update lanes set pos = pos + $3::bigint
    where lane = $1::smallint
        and epoch = $2::bigint
        and pos = (select before.pos from lanes as before where before.lane = $1)
        and not (select somewhere from stale)
    returning pos - $3 as base
),
appended as (
    insert into events (lane, pos, owner, version, word, aggregate, at, payload)
    select $1, base + number, owner, version, word, aggregate, at, payload
    from moved, unnest($6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bytea[])
        with ordinality as new (owner, version, word, aggregate, at, payload, number)
),
answered as (
    insert into commands (command_id, lane, pos, fingerprint, code, answer)
    select command_id, $1, base + number, fingerprint, code, answer
    from moved, unnest($12::bytea[], $13::bigint[], $14::bytea[], $15::integer[], $16::bytea[])
        as new (command_id, number, fingerprint, code, answer)
),
-- What is written below is replaced there: one statement may touch a row only once.
erased_owners as (
    delete from vault using moved, unnest($17::text[]) as gone (owner)
    where vault.owner = gone.owner and not exists (
        select from unnest($20::text[], $21::text[]) as kept (owner, name)
        where kept.owner = vault.owner and kept.name = vault.name
    )
),
erased as (
    delete from vault using moved, unnest($18::text[], $19::text[]) as gone (owner, name)
    where vault.owner = gone.owner and vault.name = gone.name
),
written as (
    insert into vault (owner, name, sealed)
    select owner, name, sealed
    from moved, unnest($20::text[], $21::text[], $22::bytea[]) as new (owner, name, sealed)
    on conflict (owner, name) do update set sealed = excluded.sealed
),
set_timers as (
    insert into timers (owner, name, lane, due_at)
    select owner, name, $1, due_at
    from moved, unnest($23::text[], $24::text[], $25::bigint[]) as new (owner, name, due_at)
    on conflict (owner, name) do update set due_at = excluded.due_at
),
cancelled_timers as (
    delete from timers using moved, unnest($26::text[], $27::text[]) as gone (owner, name)
    where timers.owner = gone.owner and timers.name = gone.name
),
claimed as (
    insert into claims (scope, name, owner)
    select scope, name, owner
    from moved, unnest($28::text[], $29::text[], $30::text[]) as new (scope, name, owner)
)
select (select base from moved), lanes.epoch, stale.somewhere
from lanes, stale
where lanes.lane = $1
