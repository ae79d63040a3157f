//! The proof that a store keeps its contract. Run it against every store, your own included.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use std::sync::Arc;
//! use orgconnect::{MemoryStore, store::conformance};
//!
//! let store = Arc::new(MemoryStore::new());
//! conformance::check(&*store).await.unwrap();
//! # }
//! ```

use std::{fmt::Debug, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::{
    Claim, ClaimQuery, ConnectionKey, Lease, ListQuery, Record, StoreError, StoreErrorKind, TokenStore,
};
use crate::ConnectionId;

/// Checks a store that may hold other records too: it uses a namespace of its own and removes what it writes.
///
/// # Errors
/// A sentence that names the promise which was broken.
pub async fn check(store: &dyn TokenStore) -> Result<(), String> {
    let namespace = format!("conformance/{}", crate::random::token());
    let key = |name: &str| -> Result<ConnectionKey, String> {
        let connection = ConnectionId::new(name).map_err(|error| error.to_string())?;
        Ok(ConnectionKey { namespace: namespace.clone(), connection })
    };
    equal("the identity of a store does not change", &store.identity(), &store.identity())?;
    records(store, &key("records")?).await?;
    odd_names(store, &namespace).await?;
    racing_writers(store, &key("race")?).await?;
    leases(store, &key("lease")?).await?;
    lists(store, &namespace).await?;
    claims(store, &format!("{namespace}/claims")).await?;
    sweeps(store, &format!("{namespace}/sweeps")).await
}

async fn records(store: &dyn TokenStore, key: &ConnectionKey) -> Result<(), String> {
    that("a record that was never saved is not there", done(store.load(key).await)?.is_none())?;
    conflict("a first save must expect version 0", store.save(key, &record("x", None), 1).await)?;
    equal("the first version is 1", &done(store.save(key, &record("first", None), 0).await)?, &1)?;
    conflict("a second first save is a conflict", store.save(key, &record("x", None), 0).await)?;
    let at = Timestamp::from_millisecond(1_767_225_600_123).map_err(|error| error.to_string())?;
    let text = "{\"ü\":\"\\u0000 line\\n 'quote' \\\"\"} 🗝 ".repeat(200);
    equal("the second version is 2", &done(store.save(key, &record(&text, Some(at)), 1).await)?, &2)?;
    conflict("a writer that was overtaken gets a conflict", store.save(key, &record("x", None), 1).await)?;
    let read = done(store.load(key).await)?.ok_or("a record that was saved is there")?;
    that("the payload reads back as it was written", *read.record.payload == text)?;
    equal("the expiry reads back to the millisecond", &read.record.expires_at, &Some(at))?;
    equal("the version reads back", &read.version, &2)?;
    conflict("deleting an old version is a conflict", store.delete(key, 1).await)?;
    done(store.delete(key, 2).await)?;
    that("a deleted record is gone", done(store.load(key).await)?.is_none())?;
    done(store.delete(key, 0).await)?;
    conflict("deleting what is not there is a conflict", store.delete(key, 3).await)
}

async fn odd_names(store: &dyn TokenStore, namespace: &str) -> Result<(), String> {
    let names = ["..", "a/b", "a%2Fb", "A", "a", "*", "'; --", "con:1", "~", &"x".repeat(200)];
    let key = |name: &str| -> Result<ConnectionKey, String> {
        let connection = ConnectionId::new(name.replace(' ', "_")).map_err(|error| error.to_string())?;
        Ok(ConnectionKey { namespace: format!("{namespace}/odd"), connection })
    };
    for name in names {
        done(store.save(&key(name)?, &record(name, None), 0).await)?;
    }
    for name in names {
        let read = done(store.load(&key(name)?).await)?.ok_or("every connection id can be a key")?;
        equal("records of different ids never meet", &read.record.payload.as_str(), &name)?;
        done(store.delete(&key(name)?, 1).await)?;
    }
    Ok(())
}

async fn racing_writers(store: &dyn TokenStore, key: &ConnectionKey) -> Result<(), String> {
    for round in 0..5 {
        let texts: Vec<String> = (0..8).map(|writer| format!("{round}/{writer}")).collect();
        let saves =
            join_all(texts.iter().map(async |text| store.save(key, &record(text, None), round).await)).await;
        let mut winner = None;
        for (text, saved) in texts.iter().zip(saves) {
            match saved {
                Ok(_) => that("of writers that race exactly one wins", winner.replace(text).is_none())?,
                Err(error) => equal("the others get a conflict", &error.kind(), &StoreErrorKind::Conflict)?,
            }
        }
        let winner = winner.ok_or("of writers that race exactly one wins")?;
        let read = done(store.load(key).await)?.ok_or("a record that was saved is there")?;
        equal("what the winner wrote is what is read", &read.record.payload.as_str(), &winner.as_str())?;
    }
    done(store.delete(key, 5).await)
}

async fn leases(store: &dyn TokenStore, key: &ConnectionKey) -> Result<(), String> {
    let long = Duration::from_mins(1);
    let held = done(store.acquire(key, long).await)?.ok_or("a free lease can be taken")?;
    that("a lease has one owner", done(store.acquire(key, long).await)?.is_none())?;
    let hasty = Duration::from_millis(10);
    that("whoever asks for a shorter lease waits, too", done(store.acquire(key, hasty).await)?.is_none())?;
    done(store.release(key, Lease::new(long)).await)?;
    that("a stranger can't give a lease back", done(store.acquire(key, long).await)?.is_none())?;
    done(store.save(key, &record("x", None), 0).await)?;
    done(store.delete(key, 1).await)?;
    that("writing a record leaves its lease alone", done(store.acquire(key, long).await)?.is_none())?;
    done(store.release(key, held.clone()).await)?;
    let short = Duration::from_millis(150);
    // The lease begins after this, however long the answer takes.
    let began = std::time::Instant::now();
    let next = done(store.acquire(key, short).await)?.ok_or("a lease that was given back can be taken")?;
    that("every lease has an owner of its own", next.owner != held.owner)?;
    let successor = loop {
        if let Some(lease) = done(store.acquire(key, long).await)? {
            break lease;
        }
        that("a lease ends by itself", began.elapsed() < Duration::from_secs(5))?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    that("a lease is not given away while it runs", began.elapsed() >= Duration::from_millis(100))?;
    done(store.release(key, next).await)?;
    that(
        "a late release does not touch the successor's lease",
        done(store.acquire(key, long).await)?.is_none(),
    )?;
    done(store.release(key, successor).await)
}

async fn lists(store: &dyn TokenStore, namespace: &str) -> Result<(), String> {
    let namespace = format!("{namespace}/lists");
    let key = |name: String| -> Result<ConnectionKey, String> {
        let connection = ConnectionId::new(name).map_err(|error| error.to_string())?;
        Ok(ConnectionKey { namespace: namespace.clone(), connection })
    };
    let start = Timestamp::UNIX_EPOCH;
    let at = |number: i64| start.saturating_add(SignedDuration::from_secs(number)).ok();
    for number in 0..25 {
        let expires_at = (number % 5 != 0).then(|| at(number)).flatten();
        done(store.save(&key(format!("c{number:02}"))?, &record("x", expires_at), 0).await)?;
    }
    let all = ListQuery { namespace: namespace.clone(), expires_before: None, after: None, limit: 10 };
    let mut names = Vec::new();
    let mut query = all.clone();
    loop {
        let page = done(store.list(&query).await)?;
        that("a list is not longer than its limit", page.len() <= 10)?;
        let Some(last) = page.last() else { break };
        query.after = Some(last.connection.clone());
        names.extend(page.into_iter().map(|listed| listed.connection.to_string()));
    }
    let expected: Vec<String> = (0..25).map(|number| format!("c{number:02}")).collect();
    equal("pages of a list hold every record once, in order", &names, &expected)?;
    let due = ListQuery { expires_before: at(13), limit: 100, ..all.clone() };
    let due: Vec<String> =
        done(store.list(&due).await)?.iter().map(|listed| listed.connection.to_string()).collect();
    let expected: Vec<String> =
        (0..13).filter(|number| number % 5 != 0).map(|number| format!("c{number:02}")).collect();
    equal("only records that end before the time are due", &due, &expected)?;
    let elsewhere = ListQuery { namespace: format!("{namespace}/other"), ..all };
    that("a list stays within its namespace", done(store.list(&elsewhere).await)?.is_empty())?;
    for number in 0..25 {
        done(store.delete(&key(format!("c{number:02}"))?, 1).await)?;
    }
    Ok(())
}

async fn claims(store: &dyn TokenStore, namespace: &str) -> Result<(), String> {
    let key = |number: i64| -> Result<ConnectionKey, String> {
        let connection = ConnectionId::new(format!("c{number:02}")).map_err(|error| error.to_string())?;
        Ok(ConnectionKey { namespace: namespace.to_owned(), connection })
    };
    let at = |number: i64| Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_secs(number)).ok();
    for number in 0..12 {
        done(store.save(&key(number)?, &record("x", at(number)), 0).await)?;
    }
    done(store.save(&key(12)?, &record("x", None), 0).await)?;
    let query = |limit, ttl| ClaimQuery {
        namespace: namespace.to_owned(),
        expires_before: at(10).unwrap_or_default(),
        limit,
        ttl,
    };
    let long = Duration::from_mins(1);
    // Whoever passes over what another is about to claim may come back with less than there is, so all ask again.
    let mut claimed: Vec<Claim> = Vec::new();
    for _ in 0..10 {
        let asked = join_all((0..4).map(async |_| store.claim_due(&query(3, long)).await)).await;
        for claims in asked {
            let claims = done(claims)?;
            that("no more is claimed than was asked for", claims.len() <= 3)?;
            claimed.extend(claims);
        }
    }
    let mut names: Vec<&str> = claimed.iter().map(|claim| claim.listed.connection.as_str()).collect();
    names.sort_unstable();
    let expected: Vec<String> = (0..10).map(|number| format!("c{number:02}")).collect();
    equal(
        "what is due is claimed once by one of many, and nothing else",
        &names,
        &expected.iter().map(String::as_str).collect(),
    )?;
    let first = claimed.iter().find(|claim| claim.listed.connection.as_str() == "c00").ok_or("c00 is due")?;
    equal("a claim says when the record wanted attention", &first.listed.expires_at, &at(0))?;
    equal("a claim says the version", &first.listed.version, &1)?;
    let lease = done(store.acquire(&key(0)?, long).await)?.ok_or("a claim keeps nobody from the lease")?;
    done(store.release(&key(0)?, lease).await)?;
    done(store.release(&key(0)?.claim(), first.lease.clone()).await)?;
    let again = done(store.claim_due(&query(3, Duration::from_millis(150))).await)?;
    equal("a claim that was given back, and no other, can be claimed", &again.len(), &1)?;
    let began = std::time::Instant::now();
    let last = loop {
        if let Some(claim) = done(store.claim_due(&query(3, long)).await)?.pop() {
            break claim;
        }
        that("a claim ends by itself", began.elapsed() < Duration::from_secs(5))?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    claimed.push(last);
    let foreign = Claim { listed: claimed[1].listed.clone(), lease: Lease::new(long) };
    done(store.release_claims(namespace, &[foreign]).await)?;
    let none = done(store.claim_due(&query(3, long)).await)?;
    equal("a claim is given back by its owner alone", &none.len(), &0)?;
    done(store.release_claims(namespace, &claimed).await)?;
    let all = done(store.claim_due(&query(20, long)).await)?;
    equal("claims that were given back together can be claimed", &all.len(), &10)?;
    done(store.release_claims(namespace, &all).await)?;
    done(store.release_claims(namespace, &[]).await)?;
    for number in 0..13 {
        done(store.delete(&key(number)?, 1).await)?;
    }
    Ok(())
}

async fn sweeps(store: &dyn TokenStore, namespace: &str) -> Result<(), String> {
    let key = |name: &str| -> Result<ConnectionKey, String> {
        let connection = ConnectionId::new(name).map_err(|error| error.to_string())?;
        Ok(ConnectionKey { namespace: namespace.to_owned(), connection })
    };
    let at = |number: i64| Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_secs(number)).ok();
    for (name, expires_at) in [("a", at(1)), ("b", at(2)), ("c", at(3)), ("d", None)] {
        done(store.save(&key(name)?, &record("x", expires_at), 0).await)?;
    }
    let before = at(3).unwrap_or_default();
    equal("no more is swept than was asked for", &done(store.sweep(namespace, before, 1).await)?, &1)?;
    equal("what wanted attention before is swept", &done(store.sweep(namespace, before, 10).await)?, &1)?;
    equal("what is swept is gone", &done(store.sweep(namespace, before, 10).await)?, &0)?;
    for name in ["c", "d"] {
        that("what wants attention later, or never, stays", done(store.load(&key(name)?).await)?.is_some())?;
        done(store.delete(&key(name)?, 1).await)?;
    }
    Ok(())
}

fn record(payload: &str, expires_at: Option<Timestamp>) -> Record {
    Record { payload: Zeroizing::new(payload.to_owned()), expires_at }
}

fn done<T>(outcome: Result<T, StoreError>) -> Result<T, String> {
    outcome.map_err(|error| format!("an unexpected error: {error}"))
}

fn conflict<T: Debug>(promise: &str, outcome: Result<T, StoreError>) -> Result<(), String> {
    match outcome {
        Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(()),
        other => Err(format!("{promise}; got {other:?}")),
    }
}

fn equal<T: PartialEq + Debug>(promise: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{promise}; found {found:?}, expected {expected:?}")) }
}

fn that(promise: &str, kept: bool) -> Result<(), String> {
    if kept { Ok(()) } else { Err(promise.to_owned()) }
}
