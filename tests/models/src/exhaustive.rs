//! Two callers and their flights, under every interleaving there is (loom).

mod primitives {
    pub(super) use loom::sync::{
        Mutex, MutexGuard, RwLock,
        atomic::{AtomicU64, Ordering},
    };
    pub(super) use std::sync::{Arc, PoisonError};
}

#[path = "../../../core/src/auth/flight.rs"]
mod flight;

use flight::{Board, Pilot, Publish};
use loom::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};
use std::sync::Arc;

type Shared = Arc<Board<u64, ()>>;

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// A flight that brings 7, counted.
fn fly(flights: &Arc<AtomicU64>, pilot: Pilot<u64, ()>) {
    flights.fetch_add(1, Ordering::SeqCst);
    pilot.land(Ok(Arc::new(7)), &Publish::Brought);
}

fn join(board: &Shared, flights: &Arc<AtomicU64>) -> Option<u64> {
    let start = |pilot| fly(flights, pilot);
    loom::future::block_on(board.join(|known| *known == 7, || None, start)).ok().map(|found| *found)
}

#[test]
fn two_callers_share_one_flight_and_both_are_served() {
    model(|| {
        let (board, flights): (Shared, _) = (Board::new(), Arc::new(AtomicU64::new(0)));
        let other = {
            let (board, flights) = (Arc::clone(&board), Arc::clone(&flights));
            thread::spawn(move || join(&board, &flights))
        };
        assert_eq!(join(&board, &flights), Some(7));
        assert_eq!(other.join().unwrap(), Some(7));
        assert_eq!(flights.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn one_who_waits_is_woken_whenever_the_flight_lands() {
    model(|| {
        let board: Shared = Board::new();
        let flights = Arc::new(AtomicU64::new(0));
        let flight = {
            let flights = Arc::clone(&flights);
            let start = move |pilot: Pilot<u64, ()>| {
                let flights = Arc::clone(&flights);
                thread::spawn(move || fly(&flights, pilot));
            };
            loom::future::block_on(board.join(|known| *known == 7, || None, start))
        };
        assert_eq!(flight.ok().map(|found| *found), Some(7));
    });
}

#[test]
fn a_pilot_that_is_lost_leaves_nobody_waiting() {
    model(|| {
        let (board, flights): (Shared, _) = (Board::new(), Arc::new(AtomicU64::new(0)));
        let lost = match board.board(|_| false, || None) {
            Ok(flight::Boarding::Started(_, pilot)) => pilot,
            _ => unreachable!(),
        };
        let ending = thread::spawn(move || drop(lost));
        assert_eq!(join(&board, &flights), Some(7));
        ending.join().unwrap();
        assert_eq!(flights.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_flight_that_began_before_a_revocation_does_not_publish_after_it() {
    model(|| {
        let board: Shared = Board::new();
        let pilot = match board.board(|_| false, || None) {
            Ok(flight::Boarding::Started(_, pilot)) => pilot,
            _ => unreachable!(),
        };
        let landing = thread::spawn(move || pilot.land(Ok(Arc::new(7)), &Publish::Brought));
        board.supersede(None);
        landing.join().unwrap();
        assert!(board.current().is_none(), "what was revoked came back");
    });
}
