-- NOT DISPOSABLE: how far those who owe something to the outside have read. Without its row a reader is born anew at the end of
-- the log, and owes nothing of what was before.
create table if not exists reactor_cursor (
    reader text not null primary key,
    -- The number read last in every lane, by lane number, with commas between: a batch moves them together.
    numbers text not null
);
