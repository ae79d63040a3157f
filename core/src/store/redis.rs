//! A store in Redis or Valkey, for any number of machines: every change is one script, which Redis runs alone, and
//! leases end by the server's clock.
//!
//! ```text
//! orgconnect:{uk/CLIENT_ID}:record:<id>   hash: f (format), v (version), e (expiry in ms, or empty), p (payload)
//! orgconnect:{uk/CLIENT_ID}:ids           sorted set of all ids, in their order
//! orgconnect:{uk/CLIENT_ID}:due           sorted set of the ids that have an expiry, by it
//! orgconnect:{uk/CLIENT_ID}:lease:<id>    owner, ending by itself
//! ```
//!
//! All keys of an application share a hash tag, so that they are on one node of a cluster. All calls share one
//! connection, on which they don't wait for one another; it is made anew when it breaks.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use redis::{
    AsyncConnectionConfig, ErrorKind, FromRedisValue, ProtocolVersion, RedisConnectionInfo, RedisError,
    Script, ScriptInvocation, ServerErrorKind, aio::MultiplexedConnection,
};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Mutex,
};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::{
    Claim, ClaimQuery, ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind,
    StoredRecord, TokenStore,
    address::{self, Address},
};
use crate::{ConnectionId, Secret};

/// The format of a record. A reader refuses a later one.
const FORMAT: u64 = 1;
const USUAL_PREFIX: &str = "orgconnect";
const USUAL_PORT: u16 = 6379;
/// Redis refuses times that it can't count; no lease is longer than this.
const LONGEST_LEASE: Duration = Duration::from_hours(24 * 365);
/// How many records are read at once while those that are due are listed.
const CHUNK: usize = 500;

/// Writes if the version is the expected one. Another format than ours is written over by nobody.
static SAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local found = redis.call('HMGET', KEYS[1], 'v', 'f')
        if found[2] and tonumber(found[2]) > tonumber(ARGV[6]) then return found[2] end
        if (found[1] or '0') ~= ARGV[1] then return 'conflict' end
        redis.call('HSET', KEYS[1], 'f', ARGV[6], 'v', ARGV[2], 'e', ARGV[3], 'p', ARGV[4])
        redis.call('ZADD', KEYS[2], 0, ARGV[5])
        if ARGV[3] == '' then redis.call('ZREM', KEYS[3], ARGV[5]) else redis.call('ZADD', KEYS[3], ARGV[3], ARGV[5]) end
        return 'saved'
        ",
    )
});
static DELETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local found = redis.call('HMGET', KEYS[1], 'v', 'f')
        if found[2] and tonumber(found[2]) > tonumber(ARGV[3]) then return found[2] end
        if (found[1] or '0') ~= ARGV[1] then return 'conflict' end
        redis.call('DEL', KEYS[1])
        redis.call('ZREM', KEYS[2], ARGV[2])
        redis.call('ZREM', KEYS[3], ARGV[2])
        return 'saved'
        ",
    )
});
/// Gives the lease to an owner that has it already, so that asking twice does no harm.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
        if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
        return 0
        ",
    )
});
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
});
static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local reply = {}
        for _, id in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])) do
            local found = redis.call('HMGET', ARGV[1] .. id, 'v', 'e')
            reply[#reply + 1] = {id, found[1] or '0', found[2] or ''}
        end
        return reply
        ",
    )
});
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local reply = {}
        for at = 2, #ARGV do
            local found = redis.call('HMGET', ARGV[1] .. ARGV[at], 'v', 'e')
            if found[1] then reply[#reply + 1] = {ARGV[at], found[1], found[2] or ''} end
        end
        return reply
        ",
    )
});
/// Looks through what is due, longest first, and takes what nobody has claimed.
static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local reply, from, limit = {}, 0, tonumber(ARGV[4])
        while #reply < limit do
            local page = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[3], 'LIMIT', from, 500)
            if #page == 0 then break end
            from = from + #page
            for _, id in ipairs(page) do
                if #reply < limit and redis.call('SET', ARGV[2] .. id, ARGV[5], 'NX', 'PX', ARGV[6]) then
                    local found = redis.call('HMGET', ARGV[1] .. id, 'v', 'e')
                    reply[#reply + 1] = {id, found[1] or '0', found[2] or ''}
                end
            end
        end
        return reply
        ",
    )
});

/// Keeps records in Redis or Valkey.
///
/// Named by a URL: `redis://user:password@host:6379/0`, `rediss://…` for TLS, or `redis+unix:///path/to/socket?db=0` (with
/// `user` and `password` in the query). The query may also hold `prefix` (of all keys, default `orgconnect`), `timeout`
/// (seconds for a call, default 5) and `sslrootcert` (a PEM file of authorities to trust beside the operating system's).
///
/// A write is as durable as the server makes it: give it an append-only file with `appendfsync always`, and
/// `maxmemory-policy noeviction`. A server that evicts keys at will is refused, one that keeps nothing on disk is warned
/// of. A replica that takes over may lack the last writes. Tokens are in clear text in the server unless the store is
/// wrapped in a `SealedStore`. Clones share one connection.
///
/// ```no_run
/// # async fn example() -> orgconnect::Result<()> {
/// use orgconnect::{Client, RedisStore};
///
/// let store = RedisStore::open("rediss://app:secret@redis.example")?; // no I/O yet
/// store.prepare().await?; // optional: says now what is wrong
/// let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").store(store).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

struct Shared {
    place: Place,
    tls: Option<TlsConnector>,
    database: i64,
    user: Option<String>,
    password: Option<Secret>,
    prefix: String,
    timeout: Duration,
    live: Mutex<Option<Live>>,
}

enum Place {
    Tcp {
        host: String,
        port: u16,
    },
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

/// What Redis is talked with over, of whichever kind: the code for the conversation is there once.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection, and the process it belongs to: after a fork the child must not talk on its parent's.
#[derive(Clone)]
struct Live {
    process: u32,
    number: u64,
    connection: MultiplexedConnection,
}

/// An id, a version, and an expiry or nothing.
type Row = (String, String, String);

impl RedisStore {
    /// Takes the URL apart. No I/O but reading certificates: the server is reached when the store is first used, or by
    /// [`prepare`](Self::prepare).
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`], naming what is wrong with the URL, which itself is never shown.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let mut address = Address::parse(url)?;
        let timeout = address.take_timeout()?;
        let prefix = address.take("prefix").unwrap_or_else(|| USUAL_PREFIX.to_owned());
        if !is_plain_prefix(&prefix) {
            return Err(refused("prefix must be 1 to 60 letters, digits, `_`, `-`, `.` or `:`"));
        }
        let mut shared = Shared {
            place: Place::Tcp { host: String::new(), port: USUAL_PORT },
            tls: None,
            database: 0,
            user: address.take("user"),
            password: address.take("password").map(Secret::from),
            prefix,
            timeout,
            live: Mutex::default(),
        };
        let base = address.base.clone();
        let database = match base.split_once("://") {
            #[cfg(unix)]
            Some(("redis+unix" | "unix", path)) if path.starts_with('/') => {
                shared.place = Place::Unix(address::decode(path)?.into());
                address.take("db").unwrap_or_default()
            }
            Some((scheme @ ("redis" | "rediss"), rest)) => {
                if scheme == "rediss" {
                    shared.tls = Some(TlsConnector::from(Arc::new(address.take_tls()?)));
                }
                shared.read_authority(rest)?
            }
            _ => return Err(refused("its URL must begin with redis://, rediss:// or redis+unix:///")),
        };
        if !database.is_empty() {
            shared.database = database
                .parse()
                .ok()
                .filter(|number| (0..=1_000_000).contains(number))
                .ok_or_else(|| refused("the database must be a number, like redis://host:6379/0"))?;
        }
        address.finish()?;
        if let (Place::Tcp { host, .. }, None) = (&shared.place, &shared.tls)
            && !address::is_loopback(host)
        {
            tracing::warn!(
                "the connection to Redis is not encrypted; name it with rediss:// if it speaks TLS"
            );
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Reaches the server now, and looks whether it is fit to keep tokens. Without it the first use does.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if the server does not let this user in, or evicts keys at will;
    /// [`StoreErrorKind::Unavailable`] if it can't be reached.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        address::within(self.shared.timeout, "Redis", async {
            let mut live = self.shared.live().await?;
            redis::cmd("PING").query_async::<()>(&mut live.connection).await.map_err(|error| failed(&error))
        })
        .await
    }

    /// Runs a script before the deadline. One that may be `repeated` without harm is, once, if the connection turns out to
    /// have been cut.
    async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        mut repeated: bool,
    ) -> Result<T, StoreError> {
        let shared = &*self.shared;
        let mut used = None;
        let outcome = address::within(shared.timeout, "Redis", async {
            loop {
                let mut live = shared.live().await?;
                used = Some(live.number);
                match script.invoke_async(&mut live.connection).await {
                    Ok(done) => return Ok(done),
                    Err(error) => {
                        if is_broken(&error) {
                            shared.forget(live.number).await;
                            if repeated {
                                repeated = false;
                                continue;
                            }
                        }
                        return Err(failed(&error));
                    }
                }
            }
        })
        .await;
        // Answers come in the order of the questions: behind one that was given up the next would wait.
        if let (Err(error), Some(number)) = (&outcome, used)
            && error.kind() == StoreErrorKind::Unavailable
        {
            shared.forget(number).await;
        }
        outcome
    }

    /// All that the keys of a namespace begin with. Claims have the hash tag of what they are claims on.
    fn keys(&self, namespace: &str) -> String {
        let (base, rest) = namespace.split_at(namespace.find('#').unwrap_or(namespace.len()));
        format!("{}:{{{}}}{}:", self.shared.prefix, encode(base), encode(rest))
    }

    fn record_key(&self, key: &ConnectionKey) -> String {
        format!("{}record:{}", self.keys(&key.namespace), key.connection)
    }

    fn lease_key(&self, key: &ConnectionKey) -> String {
        format!("{}lease:{}", self.keys(&key.namespace), key.connection)
    }

    /// Runs a script that changes a record.
    async fn change(&self, script: &ScriptInvocation<'_>) -> Result<(), StoreError> {
        // Never repeated: if it had been done before the connection was cut, it would seem a conflict.
        let verdict: String = self.run(script, false).await?;
        match verdict.as_str() {
            "saved" => Ok(()),
            "conflict" => Err(StoreError::conflict()),
            format => Err(newer(format)),
        }
    }
}

#[async_trait]
impl TokenStore for RedisStore {
    fn identity(&self) -> String {
        let shared = &self.shared;
        let place = match &shared.place {
            Place::Tcp { host, port } => format!("{host}:{port}"),
            #[cfg(unix)]
            Place::Unix(path) => path.display().to_string(),
        };
        format!("redis:{place}/{}/{}", shared.database, shared.prefix)
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        static LOAD: LazyLock<Script> =
            LazyLock::new(|| Script::new("return redis.call('HMGET', KEYS[1], 'f', 'v', 'e', 'p')"));
        type Fields = (Option<String>, Option<String>, Option<String>, Option<String>);
        let (format, version, expiry, payload): Fields =
            self.run(&LOAD.key(self.record_key(key)), true).await?;
        let payload = payload.map(Zeroizing::new);
        let Some(format) = format else { return Ok(None) };
        if format.parse::<u64>().is_ok_and(|format| format > FORMAT) {
            return Err(newer(&format));
        }
        let connection = &key.connection;
        let (Some(version), Some(expiry), Some(payload)) = (version, expiry, payload) else {
            return Err(damaged(connection));
        };
        let record = Record { payload, expires_at: instant(connection, &expiry)? };
        Ok(Some(StoredRecord { record, version: number(connection, &version)? }))
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let keys = self.keys(&key.namespace);
        let expiry = record.expires_at.map(|at| at.as_millisecond().to_string()).unwrap_or_default();
        let version = expected.checked_add(1).ok_or_else(StoreError::conflict)?;
        let mut script = SAVE.key(self.record_key(key));
        script.key(format!("{keys}ids")).key(format!("{keys}due"));
        script.arg(expected).arg(version).arg(expiry).arg(record.payload.as_str());
        script.arg(key.connection.as_str()).arg(FORMAT);
        self.change(&script).await.map(|()| version)
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        let keys = self.keys(&key.namespace);
        let mut script = DELETE.key(self.record_key(key));
        script.key(format!("{keys}ids")).key(format!("{keys}due"));
        script.arg(expected).arg(key.connection.as_str()).arg(FORMAT);
        self.change(&script).await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let lease = Lease::new(ttl);
        let mut script = ACQUIRE.key(self.lease_key(key));
        script.arg(&lease.owner).arg(lease_milliseconds(ttl));
        let taken: bool = self.run(&script, true).await?;
        Ok(taken.then_some(lease))
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        let mut script = RELEASE.key(self.lease_key(key));
        self.run::<i64>(script.arg(&lease.owner), true).await.map(drop)
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        if let Some(before) = query.expires_before {
            return self.list_due(query, before).await;
        }
        let keys = self.keys(&query.namespace);
        let after = query.after.as_ref().map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let mut script = LIST.key(format!("{keys}ids"));
        script.arg(format!("{keys}record:")).arg(after).arg(limit);
        let rows: Vec<Row> = self.run(&script, true).await?;
        rows.into_iter().map(listed).collect()
    }

    async fn claim_due(&self, query: &ClaimQuery) -> Result<Vec<Claim>, StoreError> {
        let lease = Lease::new(query.ttl);
        let keys = self.keys(&query.namespace);
        let claims = self.keys(&super::claims_of(&query.namespace));
        let mut script = CLAIM.key(format!("{keys}due"));
        script.arg(format!("{keys}record:")).arg(format!("{claims}lease:"));
        script.arg(format!("({}", super::ceiling(query.expires_before)));
        script.arg(i64::try_from(query.limit).unwrap_or(i64::MAX));
        script.arg(&lease.owner).arg(lease_milliseconds(query.ttl));
        let rows: Vec<Row> = self.run(&script, false).await?;
        rows.into_iter().map(|row| Ok(Claim { listed: listed(row)?, lease: lease.clone() })).collect()
    }
}

impl RedisStore {
    /// What is due, in the order of the ids. Redis keeps it in the order of time, so it is sorted here.
    async fn list_due(&self, query: &ListQuery, before: Timestamp) -> Result<Vec<ListedRecord>, StoreError> {
        static DUE: LazyLock<Script> =
            LazyLock::new(|| Script::new("return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])"));
        let keys = self.keys(&query.namespace);
        let mut script = DUE.key(format!("{keys}due"));
        script.arg(format!("({}", super::ceiling(before)));
        let mut ids: Vec<String> = self.run(&script, true).await?;
        if let Some(after) = &query.after {
            ids.retain(|id| id.as_str() > after.as_str());
        }
        ids.sort_unstable();
        let (mut ids, mut found) = (VecDeque::from(ids), Vec::new());
        while found.len() < query.limit && !ids.is_empty() {
            let mut script = READ.prepare_invoke();
            script.arg(format!("{keys}record:"));
            for id in ids.drain(..CHUNK.min(query.limit - found.len()).min(ids.len())) {
                script.arg(id);
            }
            let rows: Vec<Row> = self.run(&script, true).await?;
            for row in rows {
                let listed = listed(row)?;
                // It may have been written since.
                if listed.expires_at.is_some_and(|at| at < before) {
                    found.push(listed);
                }
            }
        }
        Ok(found)
    }
}

impl Shared {
    /// Reads `user:password@host:port/database`, and returns the database.
    fn read_authority(&mut self, rest: &str) -> Result<String, StoreError> {
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) =
            authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or(("", login));
            if !user.is_empty() {
                self.user = Some(address::decode(user)?);
            }
            self.password = Some(Secret::from(address::decode(password)?));
        }
        // What stands in brackets is an IPv6 address, whose colons part nothing.
        let colon = host.rfind(':').filter(|colon| !host[*colon..].contains(']'));
        let (host, port) = colon.map_or((host, ""), |colon| (&host[..colon], &host[colon + 1..]));
        if host.is_empty() {
            return Err(refused("its URL names no host: write it like redis://user:password@host:6379/0"));
        }
        let port = if port.is_empty() { Ok(USUAL_PORT) } else { port.parse() };
        self.place = Place::Tcp {
            host: address::decode(host)?.to_ascii_lowercase(),
            port: port.map_err(|_| refused("its port must be a number from 1 to 65535"))?,
        };
        Ok(database.to_owned())
    }

    /// The connection of this process.
    async fn live(&self) -> Result<Live, StoreError> {
        let mut slot = self.live.lock().await;
        if let Some(live) = &*slot {
            if live.process == std::process::id() {
                return Ok(live.clone());
            }
            // It is the parent's: closing it here would cut the parent off.
            std::mem::forget(slot.take());
        }
        let live = self.connect().await?;
        Ok(slot.insert(live).clone())
    }

    /// Drops a connection that is not to be used again, unless that has happened already.
    async fn forget(&self, number: u64) {
        let mut slot = self.live.lock().await;
        if slot.as_ref().is_some_and(|live| live.number == number && live.process == std::process::id()) {
            *slot = None;
        }
    }

    async fn connect(&self) -> Result<Live, StoreError> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let unreachable = |error: std::io::Error| {
            let why = "can't be reached; check that it runs, the network and TLS";
            StoreError::new(StoreErrorKind::Unavailable, format!("Redis {why} ({error})")).with_source(error)
        };
        let stream: Box<dyn Stream> = match &self.place {
            Place::Tcp { host, port } => {
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                let stream = TcpStream::connect((bare, *port)).await.map_err(unreachable)?;
                stream.set_nodelay(true).map_err(unreachable)?;
                match &self.tls {
                    None => Box::new(stream),
                    Some(tls) => {
                        let name = ServerName::try_from(bare.to_owned())
                            .map_err(|_| refused("its host is not a name that a certificate can have"))?;
                        Box::new(tls.connect(name, stream).await.map_err(unreachable)?)
                    }
                }
            }
            #[cfg(unix)]
            Place::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await.map_err(unreachable)?),
        };
        let mut connection = self.greet(stream).await?;
        check_fitness(&mut connection).await?;
        Ok(Live { process: std::process::id(), number: NEXT.fetch_add(1, Ordering::Relaxed), connection })
    }

    /// Logs in and chooses the database.
    async fn greet(&self, stream: Box<dyn Stream>) -> Result<MultiplexedConnection, StoreError> {
        let mut info = RedisConnectionInfo::default()
            .set_db(self.database)
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name();
        if let Some(user) = &self.user {
            info = info.set_username(user);
        }
        if let Some(password) = &self.password {
            info = info.set_password(password.expose());
        }
        // Deadlines are kept outside: one for the whole call.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|error| failed(&error))?;
        tokio::spawn(driver);
        Ok(connection)
    }
}

/// Looks whether the server keeps what it is given, as far as it tells.
async fn check_fitness(connection: &mut MultiplexedConnection) -> Result<(), StoreError> {
    let told: Result<String, RedisError> = redis::cmd("INFO").query_async(connection).await;
    let told = match told {
        Ok(told) => told,
        Err(error) if is_broken(&error) => return Err(failed(&error)),
        Err(_) => {
            tracing::debug!("Redis does not tell how it keeps its data; INFO is not allowed");
            return Ok(());
        }
    };
    let says =
        |name: &str| told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    let limited = says("maxmemory").is_some_and(|limit| limit != "0");
    if limited && says("maxmemory_policy").is_some_and(|policy| policy.starts_with("allkeys-")) {
        return Err(refused(
            "it throws keys away when its memory is full; set `maxmemory-policy noeviction`, or give tokens a server of their own",
        ));
    }
    if says("aof_enabled") == Some("0") {
        tracing::warn!("this Redis loses what was written last when it ends; turn its append-only file on");
    }
    Ok(())
}

/// Keeps the parts of a key apart whatever is in them.
fn encode(text: &str) -> String {
    use fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_graphic() && !matches!(octet, b'{' | b'}' | b'%') {
            encoded.push(char::from(octet));
        } else {
            let _ = write!(encoded, "%{octet:02X}");
        }
    }
    encoded
}

fn is_plain_prefix(prefix: &str) -> bool {
    (1..=60).contains(&prefix.len())
        && prefix
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.' | b':'))
}

fn lease_milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.min(LONGEST_LEASE).as_millis()).unwrap_or(u64::MAX).max(1)
}

fn listed((id, version, expiry): Row) -> Result<ListedRecord, StoreError> {
    let connection = ConnectionId::new(id).map_err(|error| {
        StoreError::new(StoreErrorKind::Unreadable, "Redis: a record has a name that none can have")
            .with_source(error)
    })?;
    let (version, expires_at) = (number(&connection, &version)?, instant(&connection, &expiry)?);
    Ok(ListedRecord { connection, version, expires_at })
}

fn number(connection: &ConnectionId, text: &str) -> Result<u64, StoreError> {
    text.parse().map_err(|_| damaged(connection))
}

fn instant(connection: &ConnectionId, text: &str) -> Result<Option<Timestamp>, StoreError> {
    if text.is_empty() {
        return Ok(None);
    }
    let milliseconds: i64 = text.parse().map_err(|_| damaged(connection))?;
    Timestamp::from_millisecond(milliseconds).map(Some).map_err(|_| damaged(connection))
}

fn damaged(connection: &ConnectionId) -> StoreError {
    let why = "its record is damaged; restore it from a backup, or delete it and authorize again";
    StoreError::new(StoreErrorKind::Unreadable, format!("Redis: connection {connection}: {why}"))
}

fn newer(format: &str) -> StoreError {
    let format: String = format.chars().filter(char::is_ascii_digit).take(9).collect();
    let why = format!(
        "its record was written in format {format} by a newer version of orgconnect; upgrade this program, or give it a prefix of \
         its own"
    );
    StoreError::new(StoreErrorKind::Unreadable, format!("Redis: {why}"))
}

/// Whether the connection is of no use any more.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

fn failed(error: &RedisError) -> StoreError {
    let (kind, why) = match error.kind() {
        ErrorKind::AuthenticationFailed => {
            (StoreErrorKind::Refused, "does not let this user in; check user and password")
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => (
            StoreErrorKind::Refused,
            "does not allow this user to do that; grant it the commands and the keys",
        ),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            (StoreErrorKind::Unavailable, "is a replica, which can't be written to; name the primary")
        }
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => {
            (StoreErrorKind::Unreadable, "holds something else under this prefix; use another one")
        }
        _ => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => {
                (StoreErrorKind::Refused, "does not let this user in; check user and password")
            }
            Some("WRONGTYPE") => {
                (StoreErrorKind::Unreadable, "holds something else under this prefix; use another one")
            }
            Some("OOM") => (StoreErrorKind::Unavailable, "can't write: its memory is full"),
            Some("MISCONF") => (StoreErrorKind::Unavailable, "can't write to its disk; look into its log"),
            _ if is_broken(error) => (
                StoreErrorKind::Unavailable,
                "can't be reached, or the connection was cut; check that it runs, the network and TLS",
            ),
            _ => (StoreErrorKind::Unavailable, "could not do it; try again"),
        },
    };
    // The rest of a message may quote the arguments.
    let code = error.code().map_or_else(|| error.category().to_owned(), str::to_owned);
    StoreError::new(kind, format!("Redis {why} ({code})"))
}

fn refused(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, format!("Redis: {why}"))
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("identity", &self.identity()).finish_non_exhaustive()
    }
}
