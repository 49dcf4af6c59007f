//! A log that stands before another one says by itself only what it does otherwise; the rest is passed on.

/// Methods of [`EventLog`](crate::EventLog) that a log passes on to the one in that field.
#[macro_export]
macro_rules! pass_on {
    ($log:ident: $($method:ident),+ $(,)?) => { $($crate::pass_on! { @ $method $log })+ };
    (@ open_lane $log:ident) => {
        fn open_lane(
            &self,
            lane: ::schemas::Lane,
        ) -> ::futures::future::BoxFuture<'_, Result<$crate::OpenLane, $crate::Failure>> {
            self.$log.open_lane(lane)
        }
    };
    (@ load $log:ident) => {
        fn load<'a>(
            &'a self,
            owner: &'a ::schemas::Owner,
            after: u64,
        ) -> ::futures::future::BoxFuture<'a, Result<Vec<$crate::LogEvent>, $crate::Failure>> {
            self.$log.load(owner, after)
        }
    };
    (@ read $log:ident) => {
        fn read(
            &self,
            lane: ::schemas::Lane,
            from: u64,
            limit: usize,
        ) -> ::futures::future::BoxFuture<'_, Result<Vec<$crate::LogEvent>, $crate::Failure>> {
            self.$log.read(lane, from, limit)
        }
    };
    (@ heads $log:ident) => {
        fn heads(&self) -> ::futures::future::BoxFuture<'_, Result<Vec<u64>, $crate::Failure>> {
            self.$log.heads()
        }
    };
    (@ find_command $log:ident) => {
        fn find_command<'a>(
            &'a self,
            id: &'a ::schemas::CommandId,
        ) -> ::futures::future::BoxFuture<'a, Result<Option<$crate::CommandRecord>, $crate::Failure>>
        {
            self.$log.find_command(id)
        }
    };
    (@ vault $log:ident) => {
        fn vault<'a>(
            &'a self,
            owner: &'a ::schemas::Owner,
            names: &'a [::schemas::vault::VaultName],
        ) -> ::futures::future::BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, $crate::Failure>> {
            self.$log.vault(owner, names)
        }
    };
    (@ kept_of $log:ident) => {
        fn kept_of<'a>(
            &'a self,
            system_id: &'a ::schemas::SystemId,
            after: Option<&'a ::schemas::Owner>,
            limit: usize,
        ) -> ::futures::future::BoxFuture<'a, Result<Vec<::schemas::Owner>, $crate::Failure>> {
            self.$log.kept_of(system_id, after, limit)
        }
    };
    (@ count $log:ident) => {
        fn count<'a>(
            &'a self,
            name: &'a str,
        ) -> ::futures::future::BoxFuture<'a, Result<i64, $crate::Failure>> {
            self.$log.count(name)
        }
    };
    (@ erase $log:ident) => {
        fn erase<'a>(
            &'a self,
            owner: &'a ::schemas::Owner,
            names: &'a [::schemas::vault::VaultName],
        ) -> ::futures::future::BoxFuture<'a, Result<(), $crate::Failure>> {
            self.$log.erase(owner, names)
        }
    };
    (@ restore $log:ident) => {
        fn restore<'a>(
            &'a self,
            event: &'a $crate::LogEvent,
        ) -> ::futures::future::BoxFuture<'a, Result<(), $crate::Failure>> {
            self.$log.restore(event)
        }
    };
    (@ due_timers $log:ident) => {
        fn due_timers(
            &self,
            lane: ::schemas::Lane,
            now: ::schemas::Timestamp,
            limit: usize,
        ) -> ::futures::future::BoxFuture<'_, Result<Vec<$crate::DueTimer>, $crate::Failure>> {
            self.$log.due_timers(lane, now, limit)
        }
    };
}
