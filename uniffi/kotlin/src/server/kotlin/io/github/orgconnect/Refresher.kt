package io.github.orgconnect

import io.github.orgconnect.ffi.NativeRefresher
import io.github.orgconnect.ffi.NativeRefresherStats
import io.github.orgconnect.internal.native

/**
 * Refreshes connections before they end. Made by [Client.refresher].
 *
 * Run it in one process or in many, on one machine or on many: on PostgreSQL and Redis each claims other connections, and in
 * the other stores the processes of one machine do. A connection that nobody has used for a while is left to whoever wants
 * it next, so that the work grows with what is in use and not with what is stored.
 *
 * ```
 * client.refresher(concurrency = 8).start().use {
 *     // … the program's life …
 * }
 * ```
 */
public class Refresher internal constructor(
    private val native: NativeRefresher,
) : AutoCloseable {
    /**
     * Begins to work in the background, and returns this refresher. One that is at work already goes on as it is. Writes the
     * token store. Throws [OrgconnectException.Config], naming the setting.
     */
    public fun start(): Refresher = apply { native { native.start() } }

    /** What it has done so far. */
    public fun stats(): RefresherStats = native { RefresherStats.of(native.stats()) }

    /** Stops it: nothing more is claimed, what is under way is waited for. */
    public suspend fun stop(): RefresherStats = native { RefresherStats.of(native.stop(null)) }

    /**
     * Makes one round and says what was done. Writes the token store. For programs that are started now and then.
     *
     * Throws [OrgconnectException.Config], naming the setting, and [OrgconnectException.Store] if the store fails. Refreshes
     * that fail are counted.
     */
    public suspend fun runOnce(): RefresherStats = native { RefresherStats.of(native.runOnce(null)) }

    /** Stops it without waiting for what is under way, which goes on to its end; see [stop]. */
    override fun close(): Unit = native { native.cease() }
}

/** What a [Refresher] has done. */
public data class RefresherStats(
    /** Rounds that were made. */
    public val rounds: Long,
    /** Records that were claimed. */
    public val claimed: Long,
    /** Connections that have a new token. */
    public val refreshed: Long,
    /** Connections that were good for long enough still. */
    public val fresh: Long,
    /** Connections that were let rest, since nobody has used them for long. */
    public val resting: Long,
    /** Connections that were not in use any more, or whose grant turned out to be gone. */
    public val ended: Long,
    /** Refreshes that failed and may succeed later. */
    public val failed: Long,
    /** Rounds that were cut short because a 429 asked for a pause. */
    public val paused: Long,
    /** Rounds that were cut short because the store failed. */
    public val storeFailures: Long,
) {
    internal companion object {
        fun of(done: NativeRefresherStats) =
            RefresherStats(
                rounds = done.rounds.toLong(),
                claimed = done.claimed.toLong(),
                refreshed = done.refreshed.toLong(),
                fresh = done.fresh.toLong(),
                resting = done.resting.toLong(),
                ended = done.ended.toLong(),
                failed = done.failed.toLong(),
                paused = done.paused.toLong(),
                storeFailures = done.storeFailures.toLong(),
            )
    }
}
