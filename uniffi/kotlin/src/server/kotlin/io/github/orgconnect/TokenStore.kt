package io.github.orgconnect

import io.github.orgconnect.ffi.NativeKey
import io.github.orgconnect.ffi.NativeListQuery
import io.github.orgconnect.ffi.NativeListedRecord
import io.github.orgconnect.ffi.NativeRecord
import io.github.orgconnect.ffi.NativeStoreException
import io.github.orgconnect.ffi.NativeStoredRecord
import io.github.orgconnect.ffi.NativeTokenStore
import java.time.Duration
import java.time.Instant
import kotlin.coroutines.cancellation.CancellationException

/**
 * A place of your own that keeps token records. It keeps small opaque texts and knows nothing of OAuth.
 *
 * What makes it safe for many tasks, processes and machines at once are two promises. **Compare and swap:** [save] writes
 * only if the record still has the version that the writer has read. **Leases:** [acquire] gives the right to refresh a
 * connection to one owner at a time, for a limited time.
 *
 * Every method may be called at any time, also for the same key. Throw [StoreException] to say what kind of failure it is;
 * anything else means that the store can't be reached now. Prove it with [Store.check].
 */
public interface TokenStore {
    /**
     * A text that is equal for two objects exactly if they reach the same records: a path, an address with its database
     * and table. It holds no secret.
     */
    public val identity: String

    /** Whether what is kept is encrypted before it leaves this process. Default false. */
    public val isEncrypted: Boolean get() = false

    /** Reads a record. Null if there is none. */
    public suspend fun load(key: StoreKey): StoredRecord?

    /**
     * Writes a record if the stored version still is [expected] (0: if there is none), and returns the new version, which
     * is `expected + 1`. The write is durable when this returns. Throws a conflict if the version is another one.
     */
    public suspend fun save(
        key: StoreKey,
        record: StoreRecord,
        expected: Long,
    ): Long

    /** Removes a record if the stored version still is [expected]. */
    public suspend fun delete(
        key: StoreKey,
        expected: Long,
    )

    /** Takes the lease of a key for [owner], or returns false at once while another owner holds it. */
    public suspend fun acquire(
        key: StoreKey,
        owner: String,
        ttl: Duration,
    ): Boolean

    /** Gives a lease back. A lease that has passed to another owner is left alone. */
    public suspend fun release(
        key: StoreKey,
        owner: String,
    )

    /** Lists records of a namespace in the order of their ids, without their payloads. */
    public suspend fun list(query: ListQuery): List<ListedRecord>
}

/** The key of a record. */
public data class StoreKey(
    /** Data center (or base URL) and application. Records of two applications never meet. */
    public val namespace: String,
    /** The connection within it. */
    public val connection: String,
)

/** What is written into a store. */
public class StoreRecord(
    /** Opaque text; it holds secrets unless the store is sealed. Write it as it is. */
    public val payload: String,
    /** When the record wants attention. Null: never. */
    public val expiresAt: Instant?,
) {
    override fun toString(): String = "StoreRecord(payload=${payload.length} characters, expiresAt=$expiresAt)"
}

/** What is read from a store. */
public data class StoredRecord(
    /** The record as it was saved. */
    public val record: StoreRecord,
    /** How often the record has been written: 1 for the first time. */
    public val version: Long,
)

/** A record as it appears in a list. */
public data class ListedRecord(
    /** The connection. */
    public val connection: String,
    /** Its version. */
    public val version: Long,
    /** When it wants attention. */
    public val expiresAt: Instant?,
)

/** Which records to list. */
public data class ListQuery(
    /** The namespace. */
    public val namespace: String,
    /** Only records that want attention before this time. */
    public val expiresBefore: Instant?,
    /** Only records whose id comes after this one: the last of the page before. */
    public val after: String?,
    /** At most this many. */
    public val limit: Int,
)

/** Why a store could not do what it was asked to. The message holds no secret. */
public class StoreException(
    /** What kind of failure it is. */
    public val kind: Kind,
    message: String,
) : Exception(message) {
    /** What kind of failure it is. */
    public enum class Kind {
        /** The record has another version than expected. Nothing was written. */
        CONFLICT,

        /** The store can't be reached or written to now; a later try may succeed. */
        UNAVAILABLE,

        /** A record is there and can't be read: damaged, or written by a newer version. */
        UNREADABLE,

        /** The store refuses to be used as it is set up: rights, links, missing key. */
        REFUSED,
    }

    public companion object {
        /** The version was another one. */
        @JvmStatic
        public fun conflict(): StoreException = StoreException(Kind.CONFLICT, "the record was changed by somebody else; read it again")
    }
}

/** The application's store as the core's. What it throws is named by its class alone: its text may hold a token. */
internal class ForeignStore(
    private val store: TokenStore,
) : NativeTokenStore {
    override suspend fun load(key: NativeKey): NativeStoredRecord? =
        failing {
            store.load(key.here())?.let {
                NativeStoredRecord(NativeRecord(it.record.payload, it.record.expiresAt?.toEpochMilli()), it.version.toULong())
            }
        }

    override suspend fun save(
        key: NativeKey,
        record: NativeRecord,
        expected: ULong,
    ): ULong =
        failing {
            val here = StoreRecord(record.payload, record.expiresAtMs?.let(Instant::ofEpochMilli))
            store.save(key.here(), here, expected.toLong()).toULong()
        }

    override suspend fun delete(
        key: NativeKey,
        expected: ULong,
    ): Unit = failing { store.delete(key.here(), expected.toLong()) }

    override suspend fun acquire(
        key: NativeKey,
        owner: String,
        ttlMs: ULong,
    ): Boolean = failing { store.acquire(key.here(), owner, Duration.ofMillis(ttlMs.toLong())) }

    override suspend fun release(
        key: NativeKey,
        owner: String,
    ): Unit = failing { store.release(key.here(), owner) }

    override suspend fun list(query: NativeListQuery): List<NativeListedRecord> =
        failing {
            val before = query.expiresBeforeMs?.let(Instant::ofEpochMilli)
            val limit = query.limit.coerceAtMost(Int.MAX_VALUE.toUInt()).toInt()
            store.list(ListQuery(query.namespace, before, query.after, limit)).map {
                NativeListedRecord(it.connection, it.version.toULong(), it.expiresAt?.toEpochMilli())
            }
        }

    private fun NativeKey.here() = StoreKey(namespace, connection)

    private inline fun <T> failing(call: () -> T): T =
        try {
            call()
        } catch (failed: CancellationException) {
            throw failed
        } catch (failed: StoreException) {
            val detail = failed.message ?: "it gave no reason"
            throw when (failed.kind) {
                StoreException.Kind.CONFLICT -> NativeStoreException.Conflict(detail)
                StoreException.Kind.UNAVAILABLE -> NativeStoreException.Unavailable(detail)
                StoreException.Kind.UNREADABLE -> NativeStoreException.Unreadable(detail)
                StoreException.Kind.REFUSED -> NativeStoreException.Refused(detail)
            }
        } catch (failed: Throwable) {
            throw NativeStoreException.Unavailable("the store threw ${failed.javaClass.name}")
        }
}
