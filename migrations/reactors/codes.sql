-- NOT DISPOSABLE: messages with activation codes that are owed. No code and no contact is in here: what is to be sent is
-- asked for when it is sent.
create table if not exists code_message (
    order_id text not null,
    channel text not null,
    -- Whose history the order is in.
    owner text not null,
    -- `owed`, `begun` (an attempt is under way, or was when its process ended), `ended` (the log is to be told).
    status text not null,
    -- Attempts that began.
    attempt bigint not null,
    -- Not before this moment; of an attempt under way, when it began.
    next_at bigint not null,
    outcome text,
    reason text,
    primary key (order_id, channel)
);

create index if not exists code_message_due on code_message (next_at);

-- Messages that a message center took, under its name of them, until what became of them is known, and some days longer: a
-- receipt may come again.
create table if not exists code_sent (
    center_id text not null primary key,
    order_id text not null,
    channel text not null,
    -- Whose history the order is in.
    owner text not null,
    sent_at bigint not null,
    -- `awaited` (a receipt), `heard` (the log is to be told of it), `told`.
    status text not null,
    -- Of a receipt that was heard: the log is not told before this moment.
    next_at bigint not null,
    outcome text,
    reason text
);

create index if not exists code_sent_heard on code_sent (next_at) where status = 'heard';
create index if not exists code_sent_at on code_sent (sent_at);

-- Receipts that came, until they are brought together with their messages.
create table if not exists code_receipt (
    center_id text not null primary key,
    outcome text not null,
    reason text,
    heard_at bigint not null
);
