package io.github.orgconnect

import io.github.orgconnect.ffi.NativeLeft
import io.github.orgconnect.ffi.NativeSealing
import io.github.orgconnect.ffi.NativeStore
import io.github.orgconnect.ffi.generateStoreKey
import io.github.orgconnect.internal.native
import io.github.orgconnect.internal.toException

/**
 * Where tokens are kept. One of those below, one that a text names ([open]), or a [CustomStore] around a [TokenStore] of
 * your own.
 *
 * ```
 * val store = Store.open(System.getenv("TOKEN_STORE")) // postgres://user:password@host/database?key=env:TOKEN_KEY
 * val client = Client("CLIENT_ID", Secret(System.getenv("CLIENT_SECRET")), Settings(dataCenter = DataCenter.UK), store)
 * ```
 */
public abstract class Store internal constructor(
    internal val native: NativeStore,
) {
    /** What it reaches: a path, an address. It is equal for two stores that reach the same records, and holds no secret. */
    public val identity: String get() = native { native.identity() }

    /** Whether what is kept is encrypted before it leaves this process. */
    public val isEncrypted: Boolean get() = native { native.isEncrypted() }

    /**
     * Proves that the store keeps its contract, in a namespace of its own: run it in the tests of a [TokenStore]. Writes the
     * token store. Throws [IllegalStateException], naming the promise that was broken.
     */
    public suspend fun check() {
        native { native.check(null) }?.let { broken -> error(broken) }
    }

    /**
     * Copies every record of a namespace ([Client.namespace]) to another store, and reads each back. With [remove] it is
     * removed here once that has succeeded. Writes both token stores.
     *
     * Whoever uses the old store is to be stopped before, or a refresh there may leave the copy with a token that has been
     * replaced. May be repeated: what is there already, and the same, is passed over; what is there and differs is left
     * alone and reported. Throws [OrgconnectException.Store] if either store can't be reached.
     */
    @JvmOverloads
    public suspend fun migrate(
        to: Store,
        namespace: String,
        remove: Boolean = false,
    ): Migrated =
        native {
            val done = native.migrate(to.native, namespace, remove, null)
            Migrated(done.copied.toLong(), done.unchanged.toLong(), byConnection(done.failed))
        }

    override fun toString(): String = "${this::class.simpleName}($identity)"

    public companion object {
        /**
         * Opens the store that a text names, for a setting of your program.
         *
         * `memory:`, `file:tokens`, `sqlite:tokens.db`, `postgres://user:password@host/database`, `redis://…`, `rediss://…`,
         * `redis+unix:///…`, `keyring:tokens`; absolute paths as in `sqlite:///var/lib/app/tokens.db`. Any of them may have
         * `key` in its query, which seals it: `key=env:NAME` for keys in an environment variable, `key=file:/path` for keys
         * in a file, and `key=keyring:service/account` for keys in the keyring; the text never holds a key itself.
         *
         * Throws [OrgconnectException.Store], code `store_refused`, for a text that names no store. The text, which may hold
         * a password, is never shown.
         */
        @JvmStatic
        public fun open(name: String): Store = NamedStore(native { NativeStore.open(name) })

        /**
         * Opens the store that a text names and seals it: with these [keys], which come from elsewhere, or with those that the
         * text names. For the options see [SealedStore].
         *
         * Throws [OrgconnectException.Store], code `store_refused`, also if there are keys in both places, or in neither.
         */
        @JvmStatic
        @JvmOverloads
        public fun openSealed(
            name: String,
            keys: Secret? = null,
            allowClearTextReads: Boolean = false,
            rewrapOnRead: Boolean = false,
        ): SealedStore = SealedStore(native { NativeStore.openSealed(name, keys?.expose(), NativeSealing(allowClearTextReads, rewrapOnRead)) })
    }
}

/** The store that a text named. */
private class NamedStore(
    native: NativeStore,
) : Store(native) {
    override fun toString(): String = "Store($identity)"
}

/** Keeps tokens in the memory of this process. */
public class MemoryStore : Store(native { NativeStore.memory() })

/** Keeps tokens in files of a folder, for many processes of one machine. */
public class FileStore(
    path: String,
) : Store(native { NativeStore.file(path) })

/** Keeps tokens in a SQLite database, for many processes of one machine. */
public class SqliteStore(
    path: String,
) : Store(native { NativeStore.sqlite(path) })

/** Keeps tokens in files of a folder, sealed with a key in the operating system's keyring. */
public class KeyringStore(
    path: String,
) : Store(native { NativeStore.keyring(path) })

/**
 * Keeps tokens in PostgreSQL, for any number of machines: `postgres://user:password@host:5432/database`.
 *
 * Options of ours in the query are `schema`, `pool`, `timeout` and `sslrootcert`. No I/O but reading certificates: the server
 * is reached when the store is first used, or by [prepare].
 */
public class PostgresStore(
    url: String,
) : Store(native { NativeStore.postgres(url) }) {
    /** Reaches the server now, and makes the tables or brings them up to date. Without it the first use does. */
    public suspend fun prepare(): Unit = native { native.prepare(null) }
}

/**
 * Keeps tokens in Redis or Valkey, for any number of machines: `redis://user:password@host:6379/0`, `rediss://…` with TLS,
 * `redis+unix:///path` for a socket. No I/O but reading certificates: the server is reached when the store is first used,
 * or by [prepare].
 */
public class RedisStore(
    url: String,
) : Store(native { NativeStore.redis(url) }) {
    /** Reaches the server now, and checks that it keeps what it is given. Without it the first use does. */
    public suspend fun prepare(): Unit = native { native.prepare(null) }
}

/** Keeps tokens in a store of your own. */
public class CustomStore(
    store: TokenStore,
) : Store(native { NativeStore.foreign(store.identity, store.isEncrypted, ForeignStore(store)) })

/** Encrypts what another store keeps. */
public class SealedStore internal constructor(
    native: NativeStore,
) : Store(native) {
    /**
     * Encrypts what [inner] keeps.
     *
     * [keys] are 32 random octets each, in base64, separated by blanks or commas, the current one first; [generateKey] makes
     * one. Records in clear text are refused unless [allowClearTextReads], which is meant for the time of moving. With
     * [rewrapOnRead] a record moves to the current key when it is read, too: set it once every process has the new key.
     *
     * To change the key: give every process the new one behind the old, then before it, call [rewrapAll], and take the old
     * one away. Until then records move to the current key whenever they are saved.
     */
    @JvmOverloads
    public constructor(
        inner: Store,
        keys: Secret,
        allowClearTextReads: Boolean = false,
        rewrapOnRead: Boolean = false,
    ) : this(native { NativeStore.sealed(inner.native, keys.expose(), NativeSealing(allowClearTextReads, rewrapOnRead)) })

    /** Goes on with other keys. Calls that have begun finish with the ones before. */
    public fun replaceKeys(keys: Secret): Unit = native { native.replaceKeys(keys.expose()) }

    /**
     * Moves every record of a namespace ([Client.namespace]) to the current key. Writes the token store.
     *
     * May run while the records are in use: each is replaced by compare-and-swap, and one that another process writes to
     * meanwhile is read again. A record that can't be opened is left alone and reported; the rest is moved. Throws
     * [OrgconnectException.Store] if the store can't be reached. What has been moved stays moved: call it again.
     */
    public suspend fun rewrapAll(namespace: String): Rewrapped =
        native {
            val done = native.rewrapAll(namespace, null)
            Rewrapped(done.moved.toLong(), done.unchanged.toLong(), byConnection(done.failed))
        }

    public companion object {
        /** A new random key. Make it once, and keep it where your other secrets are. */
        @JvmStatic
        public fun generateKey(): Secret = native { Secret(generateStoreKey()) }
    }
}

/** What [SealedStore.rewrapAll] did. */
public data class Rewrapped(
    /** Records that were moved to the current key. */
    public val moved: Long,
    /** Records that had nothing to be done for: sealed with the current key already, or deleted meanwhile. */
    public val unchanged: Long,
    /** Connections whose records were left as they are, and why. The old keys are still needed while there are any. */
    public val failed: Map<String, OrgconnectException>,
)

/** What [Store.migrate] did. */
public data class Migrated(
    /** Records that were copied. */
    public val copied: Long,
    /** Records that were there already, as they are. */
    public val unchanged: Long,
    /** Connections whose records were left as they are, and why. */
    public val failed: Map<String, OrgconnectException>,
)

private fun byConnection(left: List<NativeLeft>): Map<String, OrgconnectException> =
    left.associate { it.connection to it.failure.toException() }
