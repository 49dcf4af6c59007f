-- Transactions and their outcome, without their texts. Disposable: rebuilt from the log.
--
-- Every further index is a unique constraint that ends in the key: it needs no name, so that a rebuilt copy of the table
-- can take the place of the old one.
create table read_transactions (
    system_id text not null,
    transaction_id text not null,
    user_id text,
    status text,
    digest text,
    has_binary bigint,
    notification_type text,
    confirm_code_length bigint,
    callback_url text,
    created_at bigint,
    expires_at bigint,
    served_at bigint,
    finished_at bigint,
    cleaned_at bigint,
    key_index bigint,
    operation_id text,
    signature text,
    decline_reason text,
    decline_code bigint,
    primary key (system_id, transaction_id),
    unique (system_id, user_id, transaction_id)
);
