//! The manual's pool of workers: `core_size` of them, then a queue, then more workers, then no.
//!
//! Source: reference manual, "push_tasks_pool": the queue's length is the threshold after which there are more workers, up to
//! `max_core_size`; when that is full, too, the caller hears TASKS_QUEUE_IS_FULL.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use super::configuration;

/// A task.
pub(crate) type Task = BoxFuture<'static, ()>;

/// The pool. Workers end when there is nothing left to do: a worker that waits for work costs nothing to make again.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Mutex<State>>);

/// No worker is free, and no place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// How much is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Workers at work.
    pub(crate) workers: usize,
    /// Tasks that wait.
    pub(crate) waiting: usize,
}

struct State {
    sizes: configuration::Pool,
    workers: usize,
    queue: VecDeque<Task>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} workers, {} waiting", self.workers, self.queue.len())
    }
}

impl Pool {
    /// An empty pool.
    pub(crate) fn new(sizes: configuration::Pool) -> Self {
        Self(Arc::new(Mutex::new(State {
            sizes,
            workers: 0,
            queue: VecDeque::new(),
        })))
    }

    /// Other sizes from now on. What waits goes on waiting.
    pub(crate) fn resize(&self, sizes: configuration::Pool) {
        self.lock().sizes = sizes;
    }

    /// Lets a worker carry a task out, now or when it is its turn.
    pub(crate) fn submit(&self, task: Task) -> Result<(), NoRoom> {
        let mut state = self.lock();
        let sizes = state.sizes;
        if state.workers < sizes.core_size {
            // A free worker first.
        } else if state.queue.len() < sizes.queue_size {
            state.queue.push_back(task);
            return Ok(());
        } else if state.workers >= sizes.max_core_size {
            return Err(NoRoom);
        }
        state.workers += 1;
        tokio::spawn(Worker(self.clone()).work(task));
        Ok(())
    }

    /// How many tasks it would take now.
    pub(crate) fn room(&self) -> usize {
        let state = self.lock();
        let sizes = state.sizes;
        let workers = sizes.max_core_size.saturating_sub(state.workers);
        workers + sizes.queue_size.saturating_sub(state.queue.len())
    }

    /// How many tasks it takes when it is empty.
    pub(crate) fn capacity(&self) -> usize {
        let sizes = self.lock().sizes;
        sizes.max_core_size.saturating_add(sizes.queue_size)
    }

    /// How much is there.
    pub(crate) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            workers: state.workers,
            waiting: state.queue.len(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker's place: given back however the worker ends.
struct Worker(Pool);

impl Worker {
    async fn work(self, first: Task) {
        let mut next = Some(first);
        while let Some(task) = next {
            task.await;
            next = self.0.lock().queue.pop_front();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.lock().workers -= 1;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::Semaphore;

    use super::*;

    fn pool() -> Pool {
        Pool::new(configuration::Pool {
            core_size: 1,
            queue_size: 2,
            max_core_size: 2,
        })
    }

    fn waiting(gate: &Arc<Semaphore>) -> Task {
        let gate = Arc::clone(gate);
        async move { gate.acquire().await.unwrap().forget() }.boxed()
    }

    #[tokio::test]
    async fn a_worker_then_the_queue_then_more_workers_then_no() {
        let (pool, gate) = (pool(), Arc::new(Semaphore::new(0)));
        let submit = || pool.submit(waiting(&gate));
        assert_eq!((pool.room(), pool.capacity()), (4, 4));
        for (workers, waiting) in [(1, 0), (1, 1), (1, 2), (2, 2)] {
            submit().unwrap();
            assert_eq!(pool.load(), Load { workers, waiting });
        }
        assert_eq!((submit(), pool.room()), (Err(NoRoom), 0));
        gate.add_permits(4);
        while pool.load().workers > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.available_permits(), 0, "each was carried out");
        assert_eq!(submit(), Ok(()));
    }

    #[tokio::test]
    async fn a_task_that_panics_takes_no_place_with_it() {
        let pool = pool();
        pool.submit(async { panic!("on purpose") }.boxed()).unwrap();
        while pool.load().workers > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.room(), 4);
    }
}
