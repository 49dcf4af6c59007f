-- NOT DISPOSABLE: which pushes are owed. Dropping this table loses those that were not sent yet. No token and no text is in here: tokens are looked up in the vault when a push is sent.
create table if not exists push (
    id text not null primary key,
    owner text not null,
    -- What it is about, for whatever ends it: a transaction, or an operation with everything in it.
    about text not null,
    transaction_id text not null,
    operation_id text,
    purpose text not null,
    -- due: to be sent. told: it has its outcome, and the log has to hear of it. ended.
    state text not null,
    -- 1 when what it is about has its outcome: it is sent no more, and withdrawn if it was.
    is_over bigint not null,
    attempt bigint not null,
    next_at bigint not null,
    next_message bigint not null,
    taken bigint not null,
    outcome text,
    -- The transaction's own deadline; null without one.
    deadline bigint,
    -- Nothing is sent from then on.
    expires_at bigint not null,
    -- The row is of no use from then on.
    forget_at bigint not null,
    created_at bigint not null
);

create index if not exists push_open on push (next_at) where state <> 'ended';
create index if not exists push_about on push (about);
create index if not exists push_old on push (forget_at);
