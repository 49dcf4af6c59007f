-- Operations and where they stand, without their texts. Disposable: rebuilt from the log.
--
-- Every further index is a unique constraint that ends in the key: it needs no name, so that a rebuilt copy of the table
-- can take the place of the old one.
create table read_operations (
    system_id text not null,
    operation_id text not null,
    user_id text,
    status text,
    transactions bigint,
    notification_type text,
    callback_url text,
    created_at bigint,
    expires_at bigint,
    served_at bigint,
    finished_at bigint,
    primary key (system_id, operation_id),
    unique (system_id, user_id, operation_id)
);
