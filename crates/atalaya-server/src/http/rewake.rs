//! Polls a future only when it was woken, and again at once when it wakes itself while it is polled.
//!
//! hyper reads a request's head, polls the handler, and only when the handler
//! asks for the body wakes its own task to read it. Through the runtime that
//! costs a turn of the scheduler and the waking of a second worker thread, for
//! every request; here it costs one more call. And a connection waits for its
//! peer, for the server's end and for a timer: whichever wakes the task, the
//! others need no poll.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls in a row before other tasks get their turn.
const POLLS_MAX: usize = 8;

const IDLE: u8 = 0;
const POLLING: u8 = 1;
const WOKEN: u8 = 2;

thread_local! {
    /// The number of the turn, of its connection, that this thread is polling.
    static TURN: Cell<u64> = const { Cell::new(0) };
}

/// Lets the other ready tasks of this thread run first. Unlike tokio's `yield_now` it is not over when the connection is
/// polled again in the same turn of the scheduler, which happens for each request.
pub(crate) async fn yield_turn() {
    let mut begun = None;
    let mut polls = 0;
    poll_fn(|cx| {
        let turn = TURN.get();
        // Outside of a `Rewake` (a stream of HTTP/2) turns do not count on: the bound ends the wait.
        if begun.is_some_and(|begun| begun != turn) || polls > POLLS_MAX {
            return Poll::Ready(());
        }
        begun = Some(turn);
        polls += 1;
        pin!(tokio::task::yield_now()).poll(cx)
    })
    .await;
}

/// Wakes the task, unless the future is being polled: then it is polled again.
struct Bell {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl Bell {
    fn ring_task(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.wake();
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.ring_task();
        }
    }
}

/// A future that is polled when its own waker rang, and whose wake-ups during its own poll lead to another poll rather than
/// to the scheduler.
pub(crate) struct Rewake<F> {
    inner: F,
    bell: Arc<Bell>,
    waker: Waker,
    /// The waker that `bell` has, so that it need not be asked.
    task: Waker,
    /// Whether to poll whatever the bell says: at first, and after somebody had hold of the future.
    due: bool,
    /// How often the scheduler polled it.
    turn: u64,
}

impl<F: Future + Unpin> Rewake<F> {
    pub(crate) fn new(inner: F) -> Self {
        let bell = Arc::new(Bell {
            state: AtomicU8::new(IDLE),
            task: Mutex::new(Waker::noop().clone()),
        });
        let waker = Waker::from(Arc::clone(&bell));
        Self {
            inner,
            bell,
            waker,
            task: Waker::noop().clone(),
            due: true,
            turn: 0,
        }
    }

    /// The future itself, to be told something; it is polled the next time, whether woken or not.
    pub(crate) fn inner(&mut self) -> &mut F {
        self.due = true;
        &mut self.inner
    }
}

impl<F: Future + Unpin> Future for Rewake<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        if !this.task.will_wake(cx.waker()) {
            this.task.clone_from(cx.waker());
            let mut task = this.bell.task.lock().unwrap_or_else(PoisonError::into_inner);
            task.clone_from(cx.waker());
        }
        // The waker above is in place before the state is read: a ring from now on reaches this task.
        if !this.due && this.bell.state.load(Ordering::Acquire) != WOKEN {
            return Poll::Pending;
        }
        this.due = false;
        let mut inner_cx = Context::from_waker(&this.waker);
        this.turn += 1;
        TURN.set(this.turn);
        for _ in 0..POLLS_MAX {
            this.bell.state.store(POLLING, Ordering::Release);
            if let Poll::Ready(output) = Pin::new(&mut this.inner).poll(&mut inner_cx) {
                return Poll::Ready(output);
            }
            let quiet = this
                .bell
                .state
                .compare_exchange(POLLING, IDLE, Ordering::AcqRel, Ordering::Acquire);
            if quiet.is_ok() {
                return Poll::Pending;
            }
        }
        // Still woken: the scheduler decides who goes next.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted() -> (Arc<Counter>, Waker) {
        let counter = Arc::new(Counter(AtomicUsize::new(0)));
        (Arc::clone(&counter), Waker::from(counter))
    }

    #[test]
    fn a_future_that_wakes_itself_is_polled_again_without_its_task() {
        let (woken, waker) = counted();
        let mut left = 3;
        let mut future = Rewake::new(std::future::poll_fn(move |cx| {
            if left == 0 {
                return Poll::Ready("done");
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let polled = Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
        assert_eq!(polled, Poll::Ready("done"));
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn yielding_lasts_until_the_next_turn_however_often_the_connection_is_polled_before() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let order: Arc<Mutex<Vec<&str>>> = Arc::default();
        let say = |order: &Mutex<Vec<&str>>, what| order.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        runtime.block_on(async {
            let (first, second) = (Arc::clone(&order), Arc::clone(&order));
            let yields = tokio::spawn(Rewake::new(Box::pin(async move {
                let mut turn = pin!(yield_turn());
                let mut noisy = 3;
                poll_fn(|cx| {
                    // As hyper does while it reads a request.
                    if noisy > 0 {
                        noisy -= 1;
                        cx.waker().wake_by_ref();
                    }
                    turn.as_mut().poll(cx)
                })
                .await;
                say(&first, "yielded");
            })));
            let other = tokio::spawn(async move { say(&second, "other") });
            yields.await.expect("it ends");
            other.await.expect("it ends");
        });
        assert_eq!(
            *order.lock().unwrap_or_else(PoisonError::into_inner),
            ["other", "yielded"]
        );
        // Outside of a connection it ends as well.
        runtime.block_on(yield_turn());
    }

    #[test]
    fn one_that_never_stops_waking_itself_lets_others_have_their_turn() {
        let (woken, waker) = counted();
        let mut future = Rewake::new(std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        assert!(
            Pin::new(&mut future)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_wake_from_outside_reaches_the_task_that_polled_last() {
        let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let mut future = Rewake::new(std::future::poll_fn(move |cx| {
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let (first, first_waker) = counted();
        let (second, second_waker) = counted();
        for waker in [&first_waker, &second_waker] {
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(waker)).is_pending());
        }
        let inner = kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .expect("polled");
        inner.wake_by_ref();
        inner.wake();
        assert_eq!(first.0.load(Ordering::Relaxed), 0);
        // The second wake finds the future woken already.
        assert_eq!(second.0.load(Ordering::Relaxed), 1);
    }
}
