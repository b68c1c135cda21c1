//! Waiting and waking under simulated schedules, and what a queue keeps.

use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Wake;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::AtomicBool;
use shuttle::{Config, Runner, future, thread};

use super::*;
use crate::bus::{Attribution, Payload};
use crate::topic::Topic;

/// A lock that a simulated schedule may interrupt.
struct Simulated(AtomicBool);

// SAFETY: `try_lock` is true for one caller only, until that one unlocks.
unsafe impl RawMutex for Simulated {
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = parking_lot::lock_api::GuardNoSend;

    fn lock(&self) {
        while !self.try_lock() {
            thread::yield_now();
        }
    }

    fn try_lock(&self) -> bool {
        !self.0.swap(true, SeqCst)
    }

    unsafe fn unlock(&self) {
        self.0.store(false, SeqCst);
    }
}

type Simulation = Arc<Mailbox<Simulated>>;

fn message(seq: u64) -> Arc<Message> {
    Arc::new(Message {
        topic: Topic::parse("a").unwrap(),
        payload: Payload::parse("1").unwrap(),
        source: uuid::Uuid::nil(),
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        seq,
        attribution: Attribution::System,
    })
}

fn push(mailbox: &Mailbox<impl RawMutex>, seq: u64) -> Pushed {
    let mut wake = Vec::new();
    let pushed = mailbox.push(&message(seq), &mut wake);
    wake.into_iter().for_each(Waker::wake);
    pushed
}

/// Under many schedules; a wait that is never told is a deadlock, which the simulation reports.
fn simulate(scenario: fn()) {
    // The same schedules on every run, with more stack than the 60 KiB that a task has unless told otherwise.
    let config = || {
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        config
    };
    Runner::new(RandomScheduler::new_from_seed(7, 500), config()).run(scenario);
    Runner::new(PctScheduler::new_from_seed(7, 3, 500), config()).run(scenario);
}

fn publisher(mailbox: &Simulation, seqs: std::ops::Range<u64>) -> thread::JoinHandle<()> {
    let mailbox = Arc::clone(mailbox);
    thread::spawn(move || {
        for seq in seqs {
            push(&mailbox, seq);
        }
    })
}

/// Receives until the mailbox is closed.
async fn receive(mailbox: Simulation) -> Vec<u64> {
    let mut seen = Vec::new();
    while let Ok(taken) = mailbox.next_message().await {
        seen.push(taken.what.seq);
    }
    seen
}

#[test]
fn a_waiting_reader_is_told_of_every_message() {
    simulate(|| {
        let mailbox: Simulation = Arc::new(Mailbox::new(Arc::default()));
        let publishers = [publisher(&mailbox, 0..2), publisher(&mailbox, 10..12)];
        let mut seen = Vec::new();
        future::block_on(async {
            while seen.len() < 4 {
                let batch = mailbox.next_batch().await.unwrap().what;
                assert!(!batch.messages.is_empty());
                seen.extend(batch.messages.iter().map(|message| message.seq));
            }
        });
        for publisher in publishers {
            publisher.join().unwrap();
        }
        let of = |range: std::ops::Range<u64>| -> Vec<u64> {
            let mine = |seq: &u64| range.contains(seq);
            seen.iter().copied().filter(mine).collect()
        };
        assert_eq!((of(0..10), of(10..20)), (vec![0, 1], vec![10, 11]));
    });
}

#[test]
fn two_readers_share_and_a_close_ends_both() {
    simulate(|| {
        let mailbox: Simulation = Arc::new(Mailbox::new(Arc::default()));
        let readers = [0, 1].map(|_| future::spawn(receive(Arc::clone(&mailbox))));
        publisher(&mailbox, 0..2).join().unwrap();
        let closer = Arc::clone(&mailbox);
        thread::spawn(move || closer.close()).join().unwrap();
        for reader in readers {
            assert!(future::block_on(reader).unwrap().is_sorted());
        }
        assert_eq!(push(&mailbox, 2), Pushed::Closed);
    });
}

#[test]
fn a_wait_that_is_dropped_takes_no_others_signal() {
    simulate(|| {
        let mailbox: Simulation = Arc::new(Mailbox::new(Arc::default()));
        let quitter = Arc::clone(&mailbox);
        let quits = future::spawn(async move {
            let mut ready = pin!(quitter.ready());
            // Asks once, perhaps is told, and goes away without looking.
            std::future::poll_fn(|context| {
                let _ = ready.as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
            future::yield_now().await;
        });
        let publisher = publisher(&mailbox, 0..1);
        let message = future::block_on(mailbox.next_message()).unwrap().what;
        assert_eq!(message.seq, 0);
        future::block_on(quits).unwrap();
        publisher.join().unwrap();
        assert_eq!(mailbox.state.lock().waiters.len(), 0);
    });
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waiter_is_listed_once_and_only_while_it_waits() {
    let mailbox = Mailbox::<parking_lot::RawMutex>::new(Arc::default());
    let listed = || mailbox.state.lock().waiters.len();
    {
        let mut ready = pin!(mailbox.ready());
        for _ in 0..3 {
            let waker = Waker::from(Arc::new(Nobody));
            assert!(
                ready
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            assert_eq!(listed(), 1);
        }
    }
    assert_eq!(listed(), 0);
}

#[test]
fn an_empty_queue_keeps_little_memory() {
    let mailbox = Mailbox::<parking_lot::RawMutex>::new(Arc::default());
    let room = || mailbox.state.lock().queue.capacity();
    assert_eq!(room(), 0);
    for seq in 0..QUEUE_MESSAGES as u64 {
        push(&mailbox, seq);
    }
    assert!(room() >= QUEUE_MESSAGES);
    while !mailbox.batch().unwrap().what.messages.is_empty() {}
    assert!(room() <= KEPT);
    assert_eq!(mailbox.state.lock().bytes, 0);
}
