//! Two processes with several callers each, on one store with a lease and versions, under many random schedules (shuttle).

mod primitives {
    pub(super) use shuttle::sync::{
        Mutex, MutexGuard, RwLock,
        atomic::{AtomicU64, Ordering},
    };
    pub(super) use std::sync::{Arc, PoisonError};
}

#[path = "../../../core/src/auth/flight.rs"]
mod flight;

use flight::{Board, Pilot, Publish};
use shuttle::{
    Config, Runner,
    future::{self, block_on},
    scheduler::RandomScheduler,
    sync::{Condvar, Mutex},
    thread,
};
use std::sync::Arc;

const PROCESSES: usize = 2;
const CALLERS: usize = 3;
const EXPIRIES: u64 = 2;

/// A store and a token endpoint with strict rotation: whoever presents an old token has lost the grant.
#[derive(Default)]
struct World {
    token: u64,
    version: u64,
    leased: bool,
    /// The token that the endpoint takes next.
    expected: u64,
    refreshes: u64,
    lost: bool,
}

/// The world, and what a process that waits for the lease sleeps on: a real one looks again after a while, which is one of
/// the moments at which this one may wake.
type Shared = (Mutex<World>, Condvar);

/// The order of a flight: look, take the lease, look again, present, save if nobody has, give the lease back. Every `lock`
/// is a point at which another may go on.
fn fly((world, released): &Shared, wanted: u64) -> u64 {
    {
        let mut world = world.lock().unwrap();
        while world.leased && world.token < wanted {
            world = released.wait(world).unwrap();
        }
        if world.token >= wanted {
            return world.token;
        }
        world.leased = true;
    }
    let (token, version) = {
        let world = world.lock().unwrap();
        (world.token, world.version)
    };
    if token < wanted {
        let mut world = world.lock().unwrap();
        world.lost |= token != world.expected;
        world.expected = token + 1;
        world.refreshes += 1;
    }
    let mut world = world.lock().unwrap();
    if token < wanted && world.version == version {
        (world.token, world.version) = (token + 1, version + 1);
    }
    world.leased = false;
    released.notify_all();
    world.token
}

fn scenario() {
    let world = Arc::new(Shared::default());
    let boards: Vec<Arc<Board<u64, ()>>> = (0..PROCESSES).map(|_| Board::new()).collect();
    for wanted in 1..=EXPIRIES {
        let callers: Vec<_> = boards
            .iter()
            .flat_map(|board| (0..CALLERS).map(move |_| Arc::clone(board)))
            .map(|board| {
                let world = Arc::clone(&world);
                future::spawn(async move {
                    let start = |pilot: Pilot<u64, ()>| {
                        let world = Arc::clone(&world);
                        thread::spawn(move || {
                            pilot.land(Ok(Arc::new(fly(&world, wanted))), &Publish::Brought)
                        });
                    };
                    board.join(|token| *token >= wanted, || None, start).await.map(|token| *token)
                })
            })
            .collect();
        for caller in callers {
            assert!(block_on(caller).unwrap().is_ok_and(|token| token >= wanted), "a caller was not served");
        }
    }
    let world = world.0.lock().unwrap();
    assert!(!world.lost, "an old token was presented");
    assert_eq!(world.refreshes, EXPIRIES, "one refresh for each expiry");
}

/// `ORGCONNECT_SCHEDULES` says how many schedules are tried; each core takes its share.
#[test]
fn whatever_the_schedule_one_refresh_serves_all_callers_of_all_processes() {
    let schedules: usize =
        std::env::var("ORGCONNECT_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = schedules.div_ceil(cores);
    let runs = std::thread::scope(|scope| {
        let one = || {
            let mut config = Config::new();
            // The flights use sequentially consistent atomics alone, which shuttle models as they are.
            config.silence_warnings = true;
            Runner::new(RandomScheduler::new(share), config).run(scenario)
        };
        let all: Vec<_> = (0..cores).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum::<usize>()
    });
    assert_eq!(runs, share * cores);
    println!("{runs} schedules");
}
