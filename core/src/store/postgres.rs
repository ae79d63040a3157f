//! A store in PostgreSQL, for any number of machines: compare-and-swap by the version in the row, leases by the clock of
//! the server, and due records shared out with `SKIP LOCKED`.
//!
//! ```text
//! orgconnect.records   namespace, connection, version, expires_at_ms, payload
//! orgconnect.leases    namespace, connection, owner, until, ttl
//! orgconnect.format    version: which of the migrations have been made
//! ```
//!
//! The store makes its tables itself, under a lock, so that any number of machines may start at once. Every call is one
//! statement, has a deadline, and uses a connection of a pool; one that was cut is not used again.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::BytesMut;
use deadpool_postgres::{GenericClient, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod};
use jiff::Timestamp;
use tokio::sync::OnceCell;
use tokio_postgres::{
    Config, Row,
    config::{Host, SslMode},
    error::SqlState,
    types::{IsNull, ToSql, Type, to_sql_checked},
};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use super::{
    Claim, ClaimQuery, ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind,
    StoredRecord, TokenStore,
    address::{self, Address},
};
use crate::ConnectionId;

/// Step `n` leads from format `n` to `n + 1`. Steps that were released are never edited. `{schema}` is replaced.
const MIGRATIONS: [&str; 2] = [
    // The order of ids is that of their octets, whatever the language of the database.
    r#"
    CREATE TABLE {schema}.records (
        namespace text COLLATE "C" NOT NULL,
        connection text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        expires_at_ms bigint,
        payload text NOT NULL,
        PRIMARY KEY (namespace, connection)
    );
    CREATE INDEX records_by_expiry ON {schema}.records (namespace, expires_at_ms) WHERE expires_at_ms IS NOT NULL;
    "#,
    r#"
    CREATE TABLE {schema}.leases (
        namespace text COLLATE "C" NOT NULL,
        connection text COLLATE "C" NOT NULL,
        owner text NOT NULL,
        until timestamptz NOT NULL,
        ttl interval NOT NULL,
        PRIMARY KEY (namespace, connection)
    );
    "#,
];
/// Held while the tables are made: the letters `orgconn`.
const MIGRATION_LOCK: i64 = 0x006f_7267_636f_6e6e;
const USUAL_SCHEMA: &str = "orgconnect";
const USUAL_POOL: usize = 10;
/// Longer leases make no sense, and PostgreSQL's times end somewhere.
const LONGEST_LEASE: Duration = Duration::from_hours(24 * 365);

/// Keeps records in a PostgreSQL database.
///
/// Named by a URL: `postgres://user:password@host:5432/database`. Beside what PostgreSQL's own URLs know, its query may
/// hold `schema` (default `orgconnect`), `pool` (connections at most, default 10), `timeout` (seconds for a call, default
/// 5) and `sslrootcert` (a PEM file of authorities to trust beside the operating system's).
///
/// TLS is demanded for every host but loopback and unix sockets, and the certificate is checked against the host's name,
/// whatever `sslmode` says; only an explicit `sslmode=disable` does without. Tokens are in clear text in the database
/// unless the store is wrapped in a `SealedStore`. Clones share one pool.
///
/// ```no_run
/// # async fn example() -> orgconnect::Result<()> {
/// use orgconnect::{Client, PostgresStore};
///
/// let store = PostgresStore::open("postgres://app:secret@db.example/app")?; // no I/O yet
/// store.prepare().await?; // optional: says now what is wrong, and makes the tables
/// let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").store(store).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    tls: MakeRustlsConnect,
    pool_size: usize,
    timeout: Duration,
    identity: String,
    statements: Statements,
    schema: String,
    live: Mutex<Arc<Live>>,
}

/// What belongs to one process: after a fork the child must not talk on its parent's connections.
struct Live {
    process: u32,
    pool: Pool,
    /// Whether the tables are known to be there.
    ready: OnceCell<()>,
}

impl PostgresStore {
    /// Takes the URL apart. No I/O but reading certificates: the server is reached when the store is first used, or by
    /// [`prepare`](Self::prepare).
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`], naming what is wrong with the URL, which itself is never shown.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let mut address = Address::parse(url)?;
        if !address.base.starts_with("postgres://") && !address.base.starts_with("postgresql://") {
            return Err(refused("its URL must begin with postgres://"));
        }
        let timeout = address.take_timeout()?;
        let pool_size = address.take_number("pool", 1, 1000, USUAL_POOL)?;
        let schema = address.take("schema").unwrap_or_else(|| USUAL_SCHEMA.to_owned());
        if !is_plain_name(&schema) {
            return Err(refused(
                "schema must be 1 to 63 lower-case letters, digits or `_`, and begin with a letter",
            ));
        }
        let tls = address.take_tls()?;
        let ssl_mode = address.take("sslmode");
        // The driver's own words may quote the URL.
        let mut config: Config = address.rest().parse().map_err(|_| {
            refused("its URL is not one: write it like postgres://user:password@host:5432/database")
        })?;
        if config.get_hosts().is_empty() {
            return Err(refused(
                "its URL names no host: write it like postgres://user:password@host:5432/database",
            ));
        }
        config.ssl_mode(ssl_mode_of(ssl_mode.as_deref(), &config)?);
        config.connect_timeout(timeout);
        if config.get_application_name().is_none() {
            config.application_name("orgconnect");
        }
        let identity = identity(&config, &schema);
        let tls = MakeRustlsConnect::new(tls);
        let live = Mutex::new(Arc::new(Live::new(&config, &tls, pool_size)?));
        let statements = Statements::new(&schema);
        Ok(Self {
            shared: Arc::new(Shared { config, tls, pool_size, timeout, identity, statements, schema, live }),
        })
    }

    /// Reaches the server now, and makes the tables or brings them up to date. Without it the first use does.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if the server does not let this user in, or the tables can't be made;
    /// [`StoreErrorKind::Unreadable`] if they were made by a newer version; [`StoreErrorKind::Unavailable`] if it can't
    /// be reached.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        self.run("SELECT 1", &[], true).await.map(drop)
    }

    /// Runs one statement on a connection of the pool, before the deadline.
    ///
    /// One that may be `repeated` without harm is, once, if its connection turns out to have been cut.
    async fn run(
        &self,
        statement: &str,
        arguments: &[&(dyn ToSql + Sync)],
        mut repeated: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let shared = &*self.shared;
        address::within(shared.timeout, "PostgreSQL", async {
            let live = shared.live()?;
            live.ready.get_or_try_init(|| shared.migrate(&live)).await?;
            loop {
                let connection = live.connection().await?;
                let outcome = connection.query(statement, arguments).await;
                match outcome {
                    Err(error) if repeated && is_cut(&error) => repeated = false,
                    outcome => return connection.after(outcome),
                }
            }
        })
        .await
    }
}

/// A text that the driver, which logs every parameter of a statement at DEBUG, can't show.
struct Hidden<'a>(&'a str);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Hidden<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.to_sql(of, out)
    }

    fn accepts(of: &Type) -> bool {
        <&str>::accepts(of)
    }

    to_sql_checked!();
}

#[async_trait]
impl TokenStore for PostgresStore {
    fn identity(&self) -> String {
        self.shared.identity.clone()
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        let rows =
            self.run(&self.shared.statements.load, &[&key.namespace, &key.connection.as_str()], true).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let record = Record {
            payload: Zeroizing::new(column(row, 2)?),
            expires_at: instant(&key.connection, column(row, 1)?)?,
        };
        Ok(Some(StoredRecord { record, version: number(&key.connection, column(row, 0)?)? }))
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let (namespace, connection) = (&key.namespace, key.connection.as_str());
        let expires_at_ms = record.expires_at.map(Timestamp::as_millisecond);
        let payload = Hidden(&record.payload);
        // Never repeated: if it had been done before the connection was cut, it would seem a conflict.
        let written = if expected == 0 {
            self.run(
                &self.shared.statements.insert,
                &[namespace, &connection, &expires_at_ms, &payload],
                false,
            )
            .await?
        } else {
            let version = stored_version(expected)?;
            let arguments: [&(dyn ToSql + Sync); 5] =
                [namespace, &connection, &expires_at_ms, &payload, &version];
            self.run(&self.shared.statements.update, &arguments, false).await?
        };
        if written.is_empty() { Err(StoreError::conflict()) } else { Ok(expected + 1) }
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        let (namespace, connection) = (&key.namespace, key.connection.as_str());
        let kept = if expected == 0 {
            !self.run(&self.shared.statements.load, &[namespace, &connection], true).await?.is_empty()
        } else {
            let version = stored_version(expected)?;
            self.run(&self.shared.statements.delete, &[namespace, &connection, &version], false)
                .await?
                .is_empty()
        };
        if kept { Err(StoreError::conflict()) } else { Ok(()) }
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let lease = Lease::new(ttl);
        let (connection, milliseconds) = (key.connection.as_str(), lease_milliseconds(ttl));
        let arguments: [&(dyn ToSql + Sync); 4] = [&key.namespace, &connection, &lease.owner, &milliseconds];
        // May be repeated: an owner that has the lease already gets it again.
        let rows = self.run(&self.shared.statements.acquire, &arguments, true).await?;
        let owner: Option<String> = rows.first().map(|row| column(row, 0)).transpose()?;
        Ok((owner.as_deref() == Some(&lease.owner)).then_some(lease))
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        let connection = key.connection.as_str();
        let arguments: [&(dyn ToSql + Sync); 3] = [&key.namespace, &connection, &lease.owner];
        self.run(&self.shared.statements.release, &arguments, true).await.map(drop)
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let after = query.after.as_ref().map_or("", |after| after.as_str());
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let rows = if let Some(before) = query.expires_before {
            let arguments: [&(dyn ToSql + Sync); 4] =
                [&query.namespace, &after, &limit, &super::ceiling(before)];
            self.run(&self.shared.statements.list_due, &arguments, true).await?
        } else {
            self.run(&self.shared.statements.list, &[&query.namespace, &after, &limit], true).await?
        };
        rows.iter().map(listed).collect()
    }

    async fn claim_due(&self, query: &ClaimQuery) -> Result<Vec<Claim>, StoreError> {
        let lease = Lease::new(query.ttl);
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let arguments: [&(dyn ToSql + Sync); 6] = [
            &query.namespace,
            &super::ceiling(query.expires_before),
            &super::claims_of(&query.namespace),
            &limit,
            &lease.owner,
            &lease_milliseconds(query.ttl),
        ];
        let rows = self.run(&self.shared.statements.claim, &arguments, false).await?;
        rows.iter().map(|row| Ok(Claim { listed: listed(row)?, lease: lease.clone() })).collect()
    }

    async fn release_claims(&self, namespace: &str, claims: &[Claim]) -> Result<(), StoreError> {
        let connections: Vec<&str> = claims.iter().map(|claim| claim.listed.connection.as_str()).collect();
        let owners: Vec<&str> = claims.iter().map(|claim| claim.lease.owner.as_str()).collect();
        let arguments: [&(dyn ToSql + Sync); 3] = [&super::claims_of(namespace), &connections, &owners];
        self.run(&self.shared.statements.release_claims, &arguments, true).await.map(drop)
    }

    async fn sweep(&self, namespace: &str, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let arguments: [&(dyn ToSql + Sync); 3] = [&namespace, &super::ceiling(before), &limit];
        self.run(&self.shared.statements.sweep, &arguments, true).await.map(|rows| rows.len())
    }
}

/// The statements, with the schema in its place.
struct Statements {
    load: String,
    insert: String,
    update: String,
    delete: String,
    acquire: String,
    release: String,
    release_claims: String,
    list: String,
    list_due: String,
    claim: String,
    sweep: String,
}

impl Statements {
    fn new(schema: &str) -> Self {
        let of = |text: &str| text.replace("{schema}", schema);
        Self {
            load: of("SELECT version, expires_at_ms, payload FROM {schema}.records \
                 WHERE namespace = $1 AND connection = $2"),
            insert: of(
                "INSERT INTO {schema}.records (namespace, connection, version, expires_at_ms, payload) \
                 VALUES ($1, $2, 1, $3, $4) ON CONFLICT DO NOTHING RETURNING version",
            ),
            update: of(
                "UPDATE {schema}.records SET version = version + 1, expires_at_ms = $3, payload = $4 \
                 WHERE namespace = $1 AND connection = $2 AND version = $5 RETURNING version",
            ),
            delete: of("DELETE FROM {schema}.records \
                 WHERE namespace = $1 AND connection = $2 AND version = $3 RETURNING version"),
            // An end further away than the lease is long was written by a clock that has since been set back: its owner may
            // be alive, so it is not given away; counted anew from now on, it still ends.
            acquire: of("INSERT INTO {schema}.leases AS held (namespace, connection, owner, until, ttl) \
                 VALUES ($1, $2, $3, clock_timestamp() + $4::float8 * interval '1 ms', $4::float8 * interval '1 ms') \
                 ON CONFLICT (namespace, connection) DO UPDATE SET (owner, until, ttl) = ( \
                     SELECT CASE WHEN may.take THEN excluded.owner ELSE held.owner END, \
                            CASE WHEN may.take THEN excluded.until ELSE clock_timestamp() + held.ttl END, \
                            CASE WHEN may.take THEN excluded.ttl ELSE held.ttl END \
                     FROM (SELECT held.until <= clock_timestamp() OR held.owner = excluded.owner AS take) AS may) \
                 WHERE held.until <= clock_timestamp() OR held.owner = excluded.owner \
                     OR held.until > clock_timestamp() + held.ttl \
                 RETURNING owner"),
            release: of(
                "DELETE FROM {schema}.leases WHERE namespace = $1 AND connection = $2 AND owner = $3",
            ),
            release_claims: of("DELETE FROM {schema}.leases AS claim \
                 USING unnest($2::text[], $3::text[]) AS given (connection, owner) \
                 WHERE claim.namespace = $1 AND claim.connection = given.connection AND claim.owner = given.owner"),
            list: of("SELECT connection, version, expires_at_ms FROM {schema}.records \
                 WHERE namespace = $1 AND connection > $2 ORDER BY connection LIMIT $3"),
            list_due: of("SELECT connection, version, expires_at_ms FROM {schema}.records \
                 WHERE namespace = $1 AND connection > $2 AND expires_at_ms < $4 ORDER BY connection LIMIT $3"),
            // Rows that another machine is claiming, or a refresh is writing, are passed over rather than waited for.
            claim: of("WITH due AS MATERIALIZED ( \
                     SELECT connection, version, expires_at_ms FROM {schema}.records AS record \
                     WHERE namespace = $1 AND expires_at_ms < $2 AND NOT EXISTS ( \
                         SELECT FROM {schema}.leases AS claim WHERE claim.namespace = $3 \
                         AND claim.connection = record.connection AND claim.until > clock_timestamp()) \
                     ORDER BY expires_at_ms LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED), \
                 claimed AS ( \
                     INSERT INTO {schema}.leases AS claim (namespace, connection, owner, until, ttl) \
                     SELECT $3, connection, $5, clock_timestamp() + $6::float8 * interval '1 ms', \
                         $6::float8 * interval '1 ms' FROM due \
                     ON CONFLICT (namespace, connection) DO UPDATE \
                         SET owner = excluded.owner, until = excluded.until, ttl = excluded.ttl \
                         WHERE claim.until <= clock_timestamp() \
                     RETURNING connection) \
                 SELECT connection, version, expires_at_ms FROM due JOIN claimed USING (connection) \
                 ORDER BY expires_at_ms"),
            sweep: of("DELETE FROM {schema}.records WHERE (namespace, connection) IN ( \
                     SELECT namespace, connection FROM {schema}.records \
                     WHERE namespace = $1 AND expires_at_ms < $2 ORDER BY expires_at_ms LIMIT $3 \
                     FOR UPDATE SKIP LOCKED) RETURNING 1"),
        }
    }
}

impl Shared {
    /// The pool of this process.
    fn live(&self) -> Result<Arc<Live>, StoreError> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.process != std::process::id() {
            let own = Arc::new(Live::new(&self.config, &self.tls, self.pool_size)?);
            // The connections are the parent's: closing them here would say goodbye in its name.
            std::mem::forget(std::mem::replace(&mut *live, own));
        }
        Ok(Arc::clone(&live))
    }

    /// Makes the tables, or takes them from the format found to the newest, in one transaction.
    async fn migrate(&self, live: &Live) -> Result<(), StoreError> {
        let mut connection = live.connection().await?;
        let client = connection.client_mut()?;
        if self.is_up_to_date(client).await? {
            connection.done();
            return Ok(());
        }
        let transaction = client.transaction().await.map_err(|error| failed(&error))?;
        transaction
            .execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK])
            .await
            .map_err(|error| failed(&error))?;
        let schemas = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
        let schema = &self.schema;
        let found = transaction.query_opt(schemas, &[schema]).await.map_err(|error| failed(&error))?;
        let schemas = if found.is_none() { format!("CREATE SCHEMA {schema};") } else { String::new() };
        let script =
            format!("{schemas} CREATE TABLE IF NOT EXISTS {schema}.format (version bigint NOT NULL)");
        transaction.batch_execute(&script).await.map_err(|error| failed(&error))?;
        // Another process may have been quicker.
        let found = self.format(&transaction).await?;
        let steps: String =
            MIGRATIONS.iter().skip(found).map(|step| step.replace("{schema}", schema)).collect();
        let newest = MIGRATIONS.len();
        let script =
            format!("{steps} DELETE FROM {schema}.format; INSERT INTO {schema}.format VALUES ({newest})");
        transaction.batch_execute(&script).await.map_err(|error| failed(&error))?;
        transaction.commit().await.map_err(|error| failed(&error))?;
        connection.done();
        Ok(())
    }

    async fn is_up_to_date(&self, client: &impl GenericClient) -> Result<bool, StoreError> {
        let table = format!("{}.format", self.schema);
        let found = client.query_one("SELECT to_regclass($1)::text", &[&table]).await;
        let found: Option<String> = column(&found.map_err(|error| failed(&error))?, 0)?;
        Ok(found.is_some() && self.format(client).await? == MIGRATIONS.len())
    }

    /// The format of the tables: 0 if there are none yet.
    async fn format(&self, client: &impl GenericClient) -> Result<usize, StoreError> {
        let select = format!("SELECT version FROM {}.format", self.schema);
        let row = client.query_opt(&select, &[]).await.map_err(|error| failed(&error))?;
        let version: i64 = row.map_or(Ok(0), |row| column(&row, 0))?;
        match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Ok(version),
            _ => Err(StoreError::new(
                StoreErrorKind::Unreadable,
                format!(
                    "PostgreSQL: its tables were made in format {version} by a newer version of orgconnect; upgrade this program, \
                     or give it a schema of its own"
                ),
            )),
        }
    }
}

impl Live {
    fn new(config: &Config, tls: &MakeRustlsConnect, size: usize) -> Result<Self, StoreError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(size)
            .build()
            .map_err(|error| refused("its pool of connections can't be set up").with_source(error))?;
        Ok(Self { process: std::process::id(), pool, ready: OnceCell::new() })
    }

    async fn connection(&self) -> Result<Borrowed, StoreError> {
        match self.pool.get().await {
            Ok(object) => Ok(Borrowed(Some(object))),
            Err(PoolError::Backend(error)) => Err(failed(&error)),
            Err(_) => Err(gone()),
        }
    }
}

/// A connection that goes back into the pool only when what it was used for has come to an end: behind a query that was
/// given up, the next one would wait.
struct Borrowed(Option<Object>);

impl Borrowed {
    fn client_mut(&mut self) -> Result<&mut Object, StoreError> {
        self.0.as_mut().ok_or_else(gone)
    }

    async fn query(
        &self,
        statement: &str,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        match &self.0 {
            Some(client) => {
                let statement = client.prepare_cached(statement).await?;
                client.query(&statement, arguments).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// Gives the connection back if the server has answered on it.
    fn after<T>(self, outcome: Result<T, tokio_postgres::Error>) -> Result<T, StoreError> {
        match outcome {
            Ok(done) => {
                self.done();
                Ok(done)
            }
            Err(error) => {
                // A server that has become a standby refuses to write: another connection may lead to its successor.
                let standby = error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION);
                if error.as_db_error().is_some() && !standby && !is_cut(&error) {
                    self.done();
                }
                Err(failed(&error))
            }
        }
    }

    fn done(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

/// Which TLS to ask the driver for. Nothing that leaves this machine goes in clear text unless that was said in so many
/// words.
fn ssl_mode_of(text: Option<&str>, config: &Config) -> Result<SslMode, StoreError> {
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => address::is_loopback(name),
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    match text {
        None | Some("prefer" | "allow") if local => Ok(SslMode::Prefer),
        None | Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
        Some("prefer" | "allow") => Err(refused(
            "sslmode=prefer would fall back to clear text; use sslmode=require, or sslmode=disable if that is what you want",
        )),
        Some("disable") => {
            if !local {
                tracing::warn!("the connection to PostgreSQL is not encrypted: sslmode=disable");
            }
            Ok(SslMode::Disable)
        }
        Some(_) => Err(refused("sslmode must be require, verify-ca, verify-full or disable")),
    }
}

/// Hosts, database and schema, without the user.
fn identity(config: &Config, schema: &str) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{}:{port}", name.to_ascii_lowercase()),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        })
        .collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres:{}/{database}/{schema}", hosts.join(","))
}

/// A name that needs no quotes, and may stand in a statement.
fn is_plain_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_')
        && !name.starts_with("pg_")
}

fn lease_milliseconds(ttl: Duration) -> f64 {
    ttl.min(LONGEST_LEASE).as_secs_f64() * 1000.0
}

fn listed(row: &Row) -> Result<ListedRecord, StoreError> {
    let connection = ConnectionId::new(column::<String>(row, 0)?).map_err(|error| {
        StoreError::new(StoreErrorKind::Unreadable, "PostgreSQL: a record has a name that none can have")
            .with_source(error)
    })?;
    let version = number(&connection, column(row, 1)?)?;
    let expires_at = instant(&connection, column(row, 2)?)?;
    Ok(ListedRecord { connection, version, expires_at })
}

/// A column, which has another type only if somebody has changed the tables.
fn column<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, StoreError> {
    row.try_get(at).map_err(|_| {
        StoreError::new(
            StoreErrorKind::Unreadable,
            "PostgreSQL: its tables are not those of orgconnect; give it a schema of its own",
        )
    })
}

/// A version as PostgreSQL keeps it. One that is too large for that was never stored.
fn stored_version(version: u64) -> Result<i64, StoreError> {
    i64::try_from(version).map_err(|_| StoreError::conflict())
}

fn number(connection: &ConnectionId, version: i64) -> Result<u64, StoreError> {
    u64::try_from(version).map_err(|_| damaged(connection))
}

fn instant(connection: &ConnectionId, milliseconds: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    milliseconds.map(Timestamp::from_millisecond).transpose().map_err(|_| damaged(connection))
}

fn damaged(connection: &ConnectionId) -> StoreError {
    let why = "its row is damaged; restore it from a backup, or delete it and authorize again";
    StoreError::new(StoreErrorKind::Unreadable, format!("PostgreSQL: connection {connection}: {why}"))
}

/// Whether the connection is of no use any more: it was closed, or the server says goodbye (class 57P) on it.
fn is_cut(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.code().is_some_and(|code| code.code().starts_with("57P"))
}

/// What the driver reports, without what PostgreSQL calls details: those may hold the values of a row.
fn failed(error: &tokio_postgres::Error) -> StoreError {
    let Some(reported) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let why = "can't be reached, or the connection was cut; check that it runs, the network and TLS";
        return StoreError::new(StoreErrorKind::Unavailable, format!("PostgreSQL {why} ({cause})"));
    };
    let code = reported.code();
    let (kind, why) = match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            (StoreErrorKind::Refused, "does not let this user in; check user and password")
        }
        SqlState::INVALID_CATALOG_NAME => {
            (StoreErrorKind::Refused, "has no such database; create it, or name another")
        }
        SqlState::INSUFFICIENT_PRIVILEGE => (
            StoreErrorKind::Refused,
            "does not allow this user to do that; grant it the rights on the schema, and on the database to create it",
        ),
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN | SqlState::INVALID_SCHEMA_NAME => (
            StoreErrorKind::Unreadable,
            "has not the tables that were there; restore them from a backup, or open the store again",
        ),
        SqlState::DISK_FULL => (StoreErrorKind::Unavailable, "can't write: its disk is full"),
        SqlState::READ_ONLY_SQL_TRANSACTION => (
            StoreErrorKind::Unavailable,
            "is read-only, like a standby; add target_session_attrs=read-write to the URL",
        ),
        SqlState::TOO_MANY_CONNECTIONS => (
            StoreErrorKind::Unavailable,
            "has no connection left; lower `pool` in the URL, or raise its limit",
        ),
        _ if is_cut(error) => {
            (StoreErrorKind::Unavailable, "is being stopped or started; check that it runs, and try again")
        }
        _ => (StoreErrorKind::Unavailable, "could not do it; try again"),
    };
    StoreError::new(kind, format!("PostgreSQL {why} ({}: {})", code.code(), reported.message()))
}

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "PostgreSQL: no connection could be had; try again")
}

fn refused(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, format!("PostgreSQL: {why}"))
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("identity", &self.shared.identity).finish_non_exhaustive()
    }
}
