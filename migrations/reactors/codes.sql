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
