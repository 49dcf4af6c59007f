-- NOT DISPOSABLE: what is owed to the banks. Dropping these tables loses every letter that was not delivered yet.

-- Of the deliveries with the same order key at most one is pending: the others wait for it.
create table if not exists delivery (
    id text not null primary key,
    kind text not null,
    system_id text not null,
    order_key text not null,
    lane bigint not null,
    number bigint not null,
    url text not null,
    endpoint text not null,
    body text,
    attempt bigint not null,
    next_at bigint not null,
    status text not null,
    last_status bigint,
    last_error text,
    created_at bigint not null,
    finished_at bigint
);

-- A letter is in the first two only as long as it is not delivered: they stay as small as what is owed.
create index if not exists delivery_due on delivery (endpoint, next_at) where status = 'pending';
create index if not exists delivery_in_order on delivery (order_key, number)
    where status = 'pending' or status = 'waiting';
create index if not exists delivery_parked on delivery (created_at) where status = 'parked';
create index if not exists delivery_finished on delivery (finished_at) where status = 'delivered';

-- Receivers that answered 410: scheme, host, port and path. Nothing is sent to them before a person says so.
create table if not exists receiver_gone (
    system_id text not null,
    receiver text not null,
    since bigint not null,
    primary key (system_id, receiver)
);

-- Whose history hears what becomes of a letter.
create table if not exists letter_owner (
    id text not null primary key,
    owner text not null
);

-- What became of letters, until the log has heard of it.
create table if not exists receipt (
    id text not null,
    at bigint not null,
    -- Receipts that are told together, and again together if nobody answered; empty until they are told.
    batch text not null,
    owner text not null,
    kind text not null,
    lane bigint not null,
    number bigint not null,
    outcome text not null,
    status bigint,
    answer text,
    attempts bigint not null,
    primary key (id, at)
);

create index if not exists receipt_batch on receipt (batch, at);
