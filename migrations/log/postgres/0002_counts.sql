-- NOT disposable. Counters beyond one owner, moved in the transaction of the decision that moves them. What they show follows
-- from the events: `users/<system>` is the number of users that are there.
create table counts (
    name text collate "C" not null,
    shown bigint not null,
    -- The limit of the last step; null when it had none.
    most bigint,
    constraint counts_name primary key (name),
    constraint counts_within_limit check (most is null or shown <= most)
) with (fillfactor = 20);

-- A refused creation starts no history, so a user's first event is the creation.
insert into counts (name, shown)
select 'users/' || split_part(owner, '/', 1), sum(step)
from (
    select owner, 1 as step from events where word = 'create_user' and version = 1
    union all
    select distinct owner, -1 from events where word = 'delete_user'
) as steps
where position('/' in owner) > 0
group by 1;
