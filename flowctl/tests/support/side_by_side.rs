//! Many cases, several at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Conducts all cases on so many threads; gives what is wrong about them.
pub(crate) fn failures<T: Sync>(
    cases: &[T],
    threads: usize,
    conduct: impl Fn(&T) -> Option<String> + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    // Before the lock is taken: the others shall not wait for it.
                    let failure = conduct(case);
                    failures.lock().unwrap().extend(failure);
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// How many cases may well run at once that do more than wait.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
