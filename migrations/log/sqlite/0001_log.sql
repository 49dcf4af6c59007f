-- NOT disposable: these tables are the truth. Nothing here may be dropped or rewritten; every migration only adds.

create table lanes (
    lane integer primary key check (lane between 0 and 63),
    -- The fence: raised by whoever opens the lane for writing.
    epoch integer not null,
    -- Number of the lane's last event.
    pos integer not null
) strict;

insert into lanes (lane, epoch, pos)
with recursive numbers(lane) as (select 0 union all select lane + 1 from numbers where lane < 63)
select lane, 0, 0 from numbers;

create table events (
    lane integer not null,
    pos integer not null,
    owner text not null,
    version integer not null,
    word text not null,
    aggregate text not null,
    -- When it was recorded, ms since the Unix epoch.
    at integer not null,
    payload blob not null,
    primary key (lane, pos),
    unique (owner, version)
) strict;

create table commands (
    command_id blob primary key not null,
    lane integer not null,
    pos integer not null,
    fingerprint blob not null,
    code integer not null,
    answer blob not null
) strict;

create table vault (
    owner text not null,
    name text not null,
    sealed blob not null,
    primary key (owner, name)
) strict;

create table timers (
    owner text not null,
    name text not null,
    lane integer not null,
    -- Ms since the Unix epoch.
    due_at integer not null,
    primary key (owner, name)
) strict, without rowid;

create index timers_due on timers (lane, due_at, owner, name);

create table claims (
    scope text not null,
    name text not null,
    -- Who took the name.
    owner text not null,
    primary key (scope, name)
) strict, without rowid;

create trigger events_are_never_changed before update on events begin
    select raise(abort, 'rows of events are never changed or removed');
end;

create trigger events_are_never_removed before delete on events begin
    select raise(abort, 'rows of events are never changed or removed');
end;

create trigger commands_are_never_changed before update on commands begin
    select raise(abort, 'rows of commands are never changed or removed');
end;

create trigger commands_are_never_removed before delete on commands begin
    select raise(abort, 'rows of commands are never changed or removed');
end;
