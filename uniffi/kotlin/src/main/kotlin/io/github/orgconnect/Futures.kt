package io.github.orgconnect

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.future.future
import kotlinx.coroutines.runBlocking
import java.util.concurrent.CompletableFuture
import kotlin.coroutines.Continuation
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn

/**
 * Calls of this package from Java, where a suspending function takes a continuation as its last argument:
 * `Futures.future(c -> account.getUserinfo().read(c))`.
 */
public object Futures {
    /** Makes the call; cancelling the future cancels it. */
    @JvmStatic
    public fun <T> future(call: Call<T>): CompletableFuture<T> =
        CoroutineScope(Dispatchers.Default).future { suspendCoroutineUninterceptedOrReturn { call.with(it) } }

    /** Makes the call and waits for its end. Interrupting the thread cancels the call, and throws an [InterruptedException]. */
    @JvmStatic
    public fun <T> get(call: Call<T>): T = runBlocking { suspendCoroutineUninterceptedOrReturn { call.with(it) } }

    /** A call of a suspending function. */
    public fun interface Call<T> {
        /** Calls it with the continuation that it takes last. */
        public fun with(continuation: Continuation<T>): Any?
    }
}
