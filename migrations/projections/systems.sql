-- Application systems. Disposable: rebuilt from the log.
create table read_systems (
    system_id text not null primary key,
    name text,
    description text,
    qr_url_scheme text,
    billing_type bigint,
    billing_period bigint,
    user_keys_expiration_period bigint,
    pc_is_external_url text,
    pc_is_internal_url text,
    events_post_url text,
    callback_url text,
    created_at bigint,
    updated_at bigint,
    removed_at bigint,
    events_removed_before bigint,
    billed_before bigint
);
