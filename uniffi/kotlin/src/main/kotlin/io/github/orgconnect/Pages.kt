package io.github.orgconnect

import io.github.orgconnect.internal.Calls
import io.github.orgconnect.internal.decode
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.toList
import kotlinx.serialization.DeserializationStrategy

/**
 * The pages of a list. Nothing is sent before the first one is asked for, and each collection begins anew.
 *
 * Links to next pages are followed only on Cronofy's API.
 */
public class Pages<P, T> internal constructor(
    private val calls: Calls,
    private val operation: String,
    private val arguments: ByteArray,
    private val page: DeserializationStrategy<P>,
    private val itemsOf: (P) -> List<T>,
) {
    /** The pages, one after the other. */
    public fun pages(): Flow<P> =
        flow {
            var reply = calls.send(operation, arguments)
            while (true) {
                emit(decode(reply, page))
                val next = reply.nextPage ?: break
                reply = calls.follow(operation, next)
                if (reply.nextPage == next) throw endless()
            }
        }

    /** The items of all pages. */
    public fun items(): Flow<T> = flow { pages().collect { page -> itemsOf(page).forEach { emit(it) } } }

    /** The first page alone. */
    public suspend fun first(): P = decode(calls.send(operation, arguments), page)

    /** The items of all pages, collected. */
    public suspend fun all(): List<@JvmSuppressWildcards T> = items().toList()

    private fun endless() =
        OrgconnectException.Decode(
            OrgconnectException.Details(
                "the list has no end: its next page is the same page; report this to Cronofy",
            ),
        )
}
