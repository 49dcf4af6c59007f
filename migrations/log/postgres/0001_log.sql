-- NOT disposable: these tables are the truth. Nothing here may be dropped or rewritten; every migration only adds.

create table lanes (
    lane smallint primary key check (lane between 0 and 63),
    -- The fence: raised by whoever opens the lane for writing.
    epoch bigint not null,
    -- Number of the lane's last event.
    pos bigint not null
    -- Updated by every group: room on the page keeps those updates off the index.
) with (fillfactor = 20);

insert into lanes (lane, epoch, pos) select lane, 0, 0 from generate_series(0, 63) as lane;

create table events (
    lane smallint not null,
    pos bigint not null,
    owner text collate "C" not null,
    version bigint not null,
    word text not null,
    aggregate text not null,
    -- When it was recorded, ms since the Unix epoch.
    at bigint not null,
    payload bytea not null,
    constraint events_position primary key (lane, pos),
    constraint events_owner_version unique (owner, version)
);

create table commands (
    command_id bytea not null,
    lane smallint not null,
    pos bigint not null,
    fingerprint bytea not null,
    code integer not null,
    answer bytea not null,
    constraint commands_identity primary key (command_id)
);

create table vault (
    owner text collate "C" not null,
    name text collate "C" not null,
    sealed bytea not null,
    constraint vault_name primary key (owner, name)
);

-- Sealed bytes do not compress: do not try.
alter table vault alter column sealed set storage external;

create table timers (
    owner text collate "C" not null,
    name text collate "C" not null,
    lane smallint not null,
    -- Ms since the Unix epoch.
    due_at bigint not null,
    constraint timers_name primary key (owner, name)
);

create index timers_due on timers (lane, due_at, owner, name);

create table claims (
    scope text collate "C" not null,
    name text collate "C" not null,
    -- Who took the name.
    owner text collate "C" not null,
    constraint claims_name primary key (scope, name)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are never changed or removed', tg_table_name;
end
$$;

create trigger events_are_final before update or delete or truncate on events
    for each statement execute function refuse_change();

create trigger commands_are_final before update or delete or truncate on commands
    for each statement execute function refuse_change();
