-- Users, without anything that could name a person. Disposable: rebuilt from the log.
create table read_users (
    system_id text not null,
    user_id text not null,
    key_index bigint,
    created_at bigint,
    changed_at bigint,
    deleted_at bigint,
    primary key (system_id, user_id)
);
