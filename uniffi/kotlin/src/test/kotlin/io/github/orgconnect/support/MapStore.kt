package io.github.orgconnect.support

import io.github.orgconnect.ListQuery
import io.github.orgconnect.ListedRecord
import io.github.orgconnect.StoreException
import io.github.orgconnect.StoreKey
import io.github.orgconnect.StoreRecord
import io.github.orgconnect.StoredRecord
import io.github.orgconnect.TokenStore
import java.time.Duration
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap

/** A store of an application's own, as one would write it, with a place where a test can make it fail, block or be slow. */
class MapStore(
    override val identity: String = UUID.randomUUID().toString(),
    private val before: suspend (String) -> Unit = {},
) : TokenStore {
    private val records = ConcurrentHashMap<StoreKey, StoredRecord>()
    private val leases = ConcurrentHashMap<StoreKey, Pair<String, Long>>()
    val payloads: List<String> get() = records.values.map { it.record.payload }

    override suspend fun load(key: StoreKey): StoredRecord? {
        before("load")
        return records[key]
    }

    override suspend fun save(
        key: StoreKey,
        record: StoreRecord,
        expected: Long,
    ): Long {
        before("save")
        val saved =
            records.compute(key) { _, stored ->
                if ((stored?.version ?: 0) != expected) throw StoreException.conflict()
                StoredRecord(record, expected + 1)
            }
        return saved!!.version
    }

    override suspend fun delete(
        key: StoreKey,
        expected: Long,
    ) {
        before("delete")
        records.compute(key) { _, stored ->
            if ((stored?.version ?: 0) != expected) throw StoreException.conflict()
            null
        }
    }

    override suspend fun acquire(
        key: StoreKey,
        owner: String,
        ttl: Duration,
    ): Boolean {
        before("acquire")
        val now = System.nanoTime()
        val held = leases.compute(key) { _, lease -> lease?.takeIf { it.second > now } ?: (owner to now + ttl.toNanos()) }
        return held!!.first == owner
    }

    override suspend fun release(
        key: StoreKey,
        owner: String,
    ) {
        before("release")
        leases.computeIfPresent(key) { _, lease -> lease.takeIf { it.first != owner } }
    }

    override suspend fun list(query: ListQuery): List<ListedRecord> {
        before("list")
        return records.entries
            .filter { (key, stored) ->
                val due = query.expiresBefore
                key.namespace == query.namespace &&
                    (query.after?.let { key.connection > it } ?: true) &&
                    (due == null || stored.record.expiresAt?.isBefore(due) == true)
            }.sortedBy { it.key.connection }
            .take(query.limit)
            .map { ListedRecord(it.key.connection, it.value.version, it.value.record.expiresAt) }
    }
}
