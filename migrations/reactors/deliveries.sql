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
    -- Whose history hears what becomes of it; null when nobody's does.
    owner text,
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
-- What is not delivered, by whom it is about: it is written anew after an erasure.
create index if not exists delivery_about on delivery (owner) where status <> 'delivered';
create index if not exists delivery_undelivered_in_order on delivery (order_key) where status <> 'delivered';
create index if not exists delivery_finished on delivery (finished_at) where status = 'delivered';

-- Receivers that answered 410: scheme, host, port and path. Nothing is sent to them before a person says so.
create table if not exists receiver_gone (
    system_id text not null,
    receiver text not null,
    since bigint not null,
    primary key (system_id, receiver)
);

-- Letters of the past that a bank wants again, until they are written.
create table if not exists replay_order (
    -- Of the order, in the log.
    position text not null primary key,
    system_id text not null,
    from_at bigint not null,
    until_at bigint not null,
    ordered_at bigint not null
);

-- The event that such an order begins with, when it names one: a place in the log.
create table if not exists replay_order_event (
    position text not null primary key,
    from_position text not null
);

-- What became of letters, in the order they ended, until the log has heard of it.
create table if not exists receipt (
    number bigint not null primary key,
    id text not null,
    at bigint not null,
    owner text not null,
    kind text not null,
    lane bigint not null,
    position bigint not null,
    outcome text not null,
    status bigint,
    answer text,
    attempts bigint not null
);

-- The receipts that are being told: those up to this number. Without a row none are.
create table if not exists receipt_batch (
    upto bigint not null primary key
);
