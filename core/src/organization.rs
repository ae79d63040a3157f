//! The handle for an organizational unit, and acting as its members.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Deserialize;
use serde_json::Map;
use tokio::time::Instant;

use crate::{
    Account, Error, ErrorKind, Result, Sub,
    caller::{Caller, find_operation},
    handle::handle,
    lock::lock,
    process,
};

/// How long a member list answers for e-mail addresses before it is read again.
const FRESH: Duration = Duration::from_mins(1);
/// An address that is not in a list older than this is looked up in a new one: the member may have joined since.
const MISS_FRESH: Duration = Duration::from_secs(5);
/// More pages than any organization has: a server that never ends its pages is not followed for ever.
const MOST_PAGES: usize = 10_000;

/// An organization: its members and resources, its scheduling requests, and anyone in it through
/// [`impersonate`](Self::impersonate).
///
/// ```no_run
/// # async fn example(client: orgconnect::Client) -> orgconnect::Result<()> {
/// let organization = client.organization("opu_5700a00eb0ccd07000000000")?;
/// let doc = organization.impersonate_email("doc@example.com").await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Organization {
    caller: Caller,
}

handle!(Organization);

impl Organization {
    /// Acts as the member with this `sub`. No I/O: whether there is such a member is Cronofy's to say at the first call.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid), naming `sub`, for a text that no `sub` can be.
    pub fn impersonate(&self, sub: impl TryInto<Sub, Error: Into<Error>>) -> Result<Account> {
        let sub = sub.try_into().map_err(Into::into)?;
        self.caller.impersonating(sub).map(Account::new)
    }

    /// Acts as the member with this e-mail address, which is looked up in the member list (all of its pages, kept for a
    /// minute).
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if no member has the address, [`Invalid`](ErrorKind::Invalid) if several have,
    /// both naming `email`.
    pub async fn impersonate_email(&self, email: &str) -> Result<Account> {
        let sub = self.resolve(email).await?;
        self.impersonate(sub)
    }

    async fn resolve(&self, email: &str) -> Result<Sub> {
        let email = email.trim();
        if email.is_empty() || !email.contains('@') || email.chars().any(char::is_control) {
            return Err(Error::invalid(
                "email",
                "is not an e-mail address; to act by sub, use `impersonate`",
            ));
        }
        let wanted = folded(email);
        process::notice()?;
        let cache = self.caller.wire.members();
        let mut oldest = FRESH;
        loop {
            let members = match cache.get(self.caller.grant(), oldest) {
                Some(members) => members,
                None => cache.put(self.caller.grant(), self.read_members().await?),
            };
            match members.by_email.get(&wanted).map(Vec::as_slice) {
                Some([sub]) => return Ok(sub.clone()),
                Some([]) | None if members.read_at.elapsed() > MISS_FRESH => oldest = MISS_FRESH,
                Some([]) | None => {
                    let why = "no member of the organization has this address; check its spelling, and that the member was invited";
                    return Err(Error::new(ErrorKind::NotFound, format!("email: {why}")).with_field(
                        "email",
                        "errors.not_found",
                        why,
                    ));
                }
                Some(several) => {
                    let subs: Vec<&str> = several.iter().map(Sub::as_str).collect();
                    return Err(Error::invalid(
                        "email",
                        format!(
                            "{} members have this address; choose one by sub: {}",
                            subs.len(),
                            subs.join(", ")
                        ),
                    ));
                }
            }
        }
    }

    async fn read_members(&self) -> Result<HashMap<String, Vec<Sub>>> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            organizational_unit_members: Vec<Member>,
        }
        #[derive(Deserialize)]
        struct Member {
            sub: Option<String>,
            email: Option<String>,
        }
        let operation = find_operation("organization.list_members")?;
        let mut by_email: HashMap<String, Vec<Sub>> = HashMap::new();
        let mut reply = self.caller.send(operation, Map::new()).await?;
        for _ in 0..MOST_PAGES {
            let page: Page = reply.decode()?;
            for member in page.organizational_unit_members {
                // A member without a usable sub can't be impersonated, and one without an address can't be looked up.
                let (Some(Ok(sub)), Some(email)) = (member.sub.map(Sub::new), member.email) else { continue };
                let subs = by_email.entry(folded(&email)).or_default();
                if !subs.contains(&sub) {
                    subs.push(sub);
                }
            }
            let Some(link) = reply.next_page.take() else { return Ok(by_email) };
            reply = self.caller.follow(operation, &link).await?;
        }
        Err(Error::new(ErrorKind::Decode, "the member list has no end; report this to Cronofy"))
    }
}

/// An address as it is compared: ASCII letters in either case are the same, and nothing else is. Unicode has letters that
/// become ASCII ones in lower case (the Kelvin sign is a `k` then), and whoever has such an address is somebody else.
fn folded(email: &str) -> String {
    email.trim().to_ascii_lowercase()
}

/// Member lists by grant, so that two organizations never see each other's.
#[derive(Debug, Default)]
pub(crate) struct MemberCache(Mutex<HashMap<String, Arc<Members>>>);

#[derive(Debug)]
struct Members {
    read_at: Instant,
    by_email: HashMap<String, Vec<Sub>>,
}

/// More lists than this are not kept at once.
const MOST_LISTS: usize = 1024;

impl MemberCache {
    fn get(&self, grant: &str, oldest: Duration) -> Option<Arc<Members>> {
        lock(&self.0).get(grant).filter(|members| members.read_at.elapsed() <= oldest).cloned()
    }

    fn put(&self, grant: &str, by_email: HashMap<String, Vec<Sub>>) -> Arc<Members> {
        let members = Arc::new(Members { read_at: Instant::now(), by_email });
        let mut lists = lock(&self.0);
        if lists.len() >= MOST_LISTS {
            lists.retain(|_, members| members.read_at.elapsed() <= FRESH);
        }
        lists.insert(grant.to_owned(), Arc::clone(&members));
        members
    }

    /// Forgets the list of a grant that has been replaced: the new one may be another organization's.
    pub(crate) fn forget(&self, grant: &str) {
        lock(&self.0).remove(grant);
    }
}
