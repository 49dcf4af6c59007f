-- How far every projection has read every lane of the log, and the shape of the table it wrote. Disposable: dropping
-- this together with the tables it counts for rebuilds them from the log.
create table if not exists projection_cursor (
    projection text not null primary key,
    -- The number read last in every lane, by lane number, with commas between: a batch moves them together.
    numbers text not null
);

create table if not exists projection_shape (
    projection text not null primary key,
    shape text not null
);
