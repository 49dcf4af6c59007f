-- The audit journal, without what may have to be erased: that lies in the vault under the causation id. Disposable:
-- rebuilt from the log.
--
-- Every further index is a unique constraint that ends in the key: it needs no name, so that a rebuilt copy of the table
-- can take the place of the old one.
create table journal (
    event_id bigint not null primary key,
    system_id text,
    created_at bigint,
    user_id text,
    transaction_id text,
    session_id text,
    device_event_id text,
    device_time bigint,
    auth_code text,
    request_hash text,
    request_hmac text,
    request_type text,
    request_result bigint,
    operationid text,
    request_url text,
    pc_instance_name text,
    key_index bigint,
    causation_id text,
    event_data text,
    cleaned_at bigint,
    unique (system_id, created_at, event_id),
    unique (system_id, user_id, created_at, event_id),
    unique (system_id, transaction_id, created_at, event_id)
);
