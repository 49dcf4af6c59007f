-- The audit journal: what its records are looked for by. Disposable: rebuilt from the log, where what they tell lies, too; what
-- may have to be erased lies in the vault.
--
-- Every further index is a unique constraint that ends in the key: it needs no name, so that a rebuilt copy of the table
-- can take the place of the old one. What differs most between rows comes first where the order is ours: so they are sorted
-- and found by fewer comparisons.
create table journal (
    event_id bigint not null primary key,
    system_id text,
    created_at bigint,
    user_id text,
    transaction_id text,
    request_type text,
    request_result bigint,
    key_index bigint,
    cleaned_at bigint,
    unique (system_id, created_at, event_id),
    unique (user_id, system_id, created_at, event_id),
    unique (transaction_id, system_id, created_at, event_id)
);
