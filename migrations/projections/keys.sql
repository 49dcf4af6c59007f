-- The keys of every user, without their secrets. Disposable: rebuilt from the log.
create table read_keys (
    system_id text not null,
    user_id text not null,
    key_index bigint not null,
    status text,
    flags bigint,
    two_parts bigint,
    issued_at bigint,
    valid_to bigint,
    activation_attempts bigint,
    activated_at bigint,
    public_key text,
    registered_at bigint,
    push_device_type text,
    push_app_id text,
    device_fingerprint text,
    fingerprint_event_id bigint,
    primary key (system_id, user_id, key_index)
);
