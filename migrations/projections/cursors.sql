-- How far every projection has read every lane of the log, and the shape of the table it wrote. Disposable: dropping
-- this together with the tables it counts for rebuilds them from the log.
create table if not exists projection_cursor (
    projection text not null,
    lane bigint not null,
    number bigint not null,
    primary key (projection, lane)
);

create table if not exists projection_shape (
    projection text not null primary key,
    shape text not null
);
