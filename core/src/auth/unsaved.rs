//! Saves what a refresh brought, whatever the store does: kept in memory and tried again while it fails, given up only for what counts
//! more.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    endpoint::Revoked,
    refresh::{FIRST_POLL, LONGEST_HOLD, LONGEST_POLL, check_state, not_connected},
    token::{self, ConnectionState, TokenRecord},
    tokens::{Snapshot, Tokens},
};
use crate::{
    Error, Result,
    client::Inner,
    lock::lock,
    random,
    store::{Lease, StoreError, StoreErrorKind, StoredRecord},
};

/// A record that could not be saved yet.
#[derive(Clone)]
pub(super) struct Unsaved {
    pub(super) record: TokenRecord,
    /// The version that it is to replace.
    pub(super) expected: u64,
    /// What it replaces; `None` for a new authorization.
    pub(super) before: Option<Before>,
    /// Kept until it is saved, so that no other process presents the refresh token that it replaces; with when it was taken.
    pub(super) lease: Option<(Lease, Instant)>,
}

/// The tokens that a refresh set out with, by their fingerprints.
#[derive(Clone)]
pub(super) struct Before {
    access: String,
    refresh: Option<String>,
}

impl Before {
    pub(super) fn of(record: &TokenRecord) -> Self {
        Self {
            access: token::fingerprint(&record.access_token),
            refresh: record.refresh_token.as_ref().map(token::fingerprint),
        }
    }
}

impl Inner {
    /// Saves what a refresh brought.
    ///
    /// If the store fails the tokens stay in memory, are served from there, and are saved as soon as it is back: the
    /// refresh token that they replaced may be worthless by now.
    pub(super) async fn keep(
        self: &Arc<Self>,
        tokens: &Arc<Tokens>,
        mut new: Unsaved,
    ) -> Result<Arc<Snapshot>> {
        for _ in 0..4 {
            match self.save(&tokens.key, &new.record, new.expected).await {
                Ok(version) => return Snapshot::new(new.record, version, true).map(Arc::new),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    match self.overtaken(tokens, &new).await {
                        Ok(Overtaken::By(snapshot)) => return Ok(snapshot),
                        Ok(Overtaken::SaveOver(found)) => new.expected = found,
                        Ok(Overtaken::Gone(error)) => return Err(error),
                        Err(_unreadable) => break,
                    }
                }
                Err(_) => break,
            }
        }
        tracing::error!("new tokens could not be saved; they are kept in memory and saved later");
        let snapshot = Snapshot::new(new.record.clone(), new.expected, true)?;
        *lock(&tokens.state().unsaved) = Some(new);
        self.keep_trying_to_save(tokens);
        Ok(Arc::new(snapshot))
    }

    /// Decides what holds when the record is not what the new tokens were to replace.
    async fn overtaken(&self, tokens: &Tokens, new: &Unsaved) -> Result<Overtaken> {
        let connection = &tokens.key.connection;
        let Some(StoredRecord { record, version }) = self.load(&tokens.key).await? else {
            if new.before.is_none() {
                return Ok(Overtaken::SaveOver(0));
            }
            self.discard(&new.record).await;
            return Ok(Overtaken::Gone(not_connected(connection)));
        };
        let found = TokenRecord::from_payload(&record.payload)?;
        let by =
            |found| Snapshot::new(found, version, false).map(|snapshot| Overtaken::By(Arc::new(snapshot)));
        match (&found.state, &new.before) {
            // A new authorization supersedes whatever was before it.
            (ConnectionState::Revoking { at } | ConnectionState::Revoked { at }, None)
                if *at < new.record.issued_at =>
            {
                return Ok(Overtaken::SaveOver(version));
            }
            (ConnectionState::Revoking { .. } | ConnectionState::Revoked { .. }, _) => {
                self.discard(&new.record).await;
                let error = check_state(&found, connection).err();
                return Ok(Overtaken::Gone(error.unwrap_or_else(|| not_connected(connection))));
            }
            (ConnectionState::Active, None) if found.issued_at > new.record.issued_at => return by(found),
            (
                ConnectionState::Active | ConnectionState::Dead { .. } | ConnectionState::Unreadable { .. },
                _,
            ) => {}
        }
        // A dead one was marked by somebody who presented the predecessor of the tokens that have just been received; and a
        // new authorization supersedes whatever was before it.
        if found.state != ConnectionState::Active || new.before.is_none() {
            return Ok(Overtaken::SaveOver(version));
        }
        let (theirs, ours) = (Before::of(&found), Before::of(&new.record));
        let unchanged = new.before.as_ref().is_some_and(|before| before.access == theirs.access);
        let rotated = new.before.as_ref().is_some_and(|before| before.refresh != ours.refresh);
        let from_same = new.before.as_ref().is_some_and(|before| before.refresh == theirs.refresh);
        if unchanged || theirs.access == ours.access || from_same && rotated {
            return Ok(Overtaken::SaveOver(version));
        }
        // Whoever took over asked after us: also where the server gave both the same refresh token.
        by(found)
    }

    /// Revokes tokens that arrived for a connection that has been revoked meanwhile.
    async fn discard(&self, record: &TokenRecord) {
        let token = record.refresh_token.as_ref().unwrap_or(&record.access_token);
        if let Err(error) = self.send_revocation(Revoked::Token(token)).await {
            tracing::warn!(%error, "tokens that arrived after a revocation could not be revoked");
        }
    }

    /// Gives a lease back. A store that can't be written to now is asked again until the lease has ended by itself.
    pub(super) async fn give_back(self: &Arc<Self>, tokens: &Arc<Tokens>, lease: Lease, taken: Instant) {
        let Err(error) = self.store().release(&tokens.key, lease.clone()).await else { return };
        tracing::warn!(%error, "the lease was not given back; it is tried again until it ends by itself");
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        tokio::spawn(async move {
            let mut pause = FIRST_POLL;
            while taken.elapsed() + pause < lease.ttl {
                tokio::time::sleep(pause.mul_f64(0.5 + random::fraction())).await;
                pause = (pause * 2).min(LONGEST_POLL);
                if inner.store().release(&tokens.key, lease.clone()).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Saves a record that is only in memory, before anything else is done with the connection, and gives back the lease
    /// that was kept for that.
    pub(crate) async fn save_unsaved(self: &Arc<Self>, tokens: &Arc<Tokens>) -> Result<()> {
        if lock(&tokens.state().unsaved).is_none() {
            return Ok(());
        }
        let _one_at_a_time = tokens.state().saving.lock().await;
        let Some(mut unsaved) = lock(&tokens.state().unsaved).clone() else { return Ok(()) };
        for _ in 0..4 {
            match self.save(&tokens.key, &unsaved.record, unsaved.expected).await {
                Ok(_) => {}
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    match self.overtaken(tokens, &unsaved).await? {
                        Overtaken::SaveOver(found) => {
                            unsaved.expected = found;
                            continue;
                        }
                        Overtaken::By(_) | Overtaken::Gone(_) => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if let Some((lease, taken)) = tokens.forget_unsaved(&unsaved) {
                let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
                // In a task: the caller may go away.
                let given_back = tokio::spawn(async move { inner.give_back(&tokens, lease, taken).await });
                let _ = given_back.await;
            }
            return Ok(());
        }
        Err(Error::from(StoreError::conflict()))
    }

    /// Tries to save in the background until it succeeds or the process ends.
    pub(crate) fn keep_trying_to_save(self: &Arc<Self>, tokens: &Arc<Tokens>) {
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        tokio::spawn(async move {
            let mut pause = Duration::from_millis(200);
            while lock(&tokens.state().unsaved).is_some() {
                tokio::time::sleep(pause.mul_f64(0.5 + random::fraction())).await;
                pause = (pause * 2).min(LONGEST_HOLD);
                match inner.save_unsaved(&tokens).await {
                    Ok(()) => tracing::info!("the tokens that were kept in memory are saved"),
                    Err(error) => tracing::warn!(%error, "the tokens are still only in memory"),
                }
            }
        });
    }
}

enum Overtaken {
    /// By tokens that count more.
    By(Arc<Snapshot>),
    /// By a note only: save over this version.
    SaveOver(u64),
    /// By a revocation: there is nothing to save to.
    Gone(Error),
}
