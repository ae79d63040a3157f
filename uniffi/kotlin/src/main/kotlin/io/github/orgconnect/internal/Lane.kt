package io.github.orgconnect.internal

import com.sun.jna.Callback
import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import com.sun.jna.Pointer
import io.github.orgconnect.OrgconnectException
import io.github.orgconnect.ffi.FfiConverterByteArray
import io.github.orgconnect.ffi.FfiConverterOptionalTypeNativeCallOptions
import io.github.orgconnect.ffi.FfiConverterString
import io.github.orgconnect.ffi.FfiConverterTypeNativeFailure
import io.github.orgconnect.ffi.FfiConverterTypeNativeReply
import io.github.orgconnect.ffi.InternalException
import io.github.orgconnect.ffi.NativeCallOptions
import io.github.orgconnect.ffi.NativeException
import io.github.orgconnect.ffi.NativeHandle
import io.github.orgconnect.ffi.NativeReply
import io.github.orgconnect.ffi.findLibraryName
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.suspendCancellableCoroutine
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.resume

/** The core's functions for calls on the lane, and what it calls back. `uniffi/src/lane.rs` has the other side. */
@Suppress("ktlint:standard:function-naming")
internal object LaneLibrary {
    init {
        Native.register(LaneLibrary::class.java, findLibraryName("orgconnect_native"))
    }

    external fun orgconnect_lane_open(deliver: Deliver): Int

    external fun orgconnect_lane_handle(handle: Long): Long

    external fun orgconnect_lane_begin(
        call: Long,
        handle: Long,
        request: ByteArray,
        length: Long,
    ): Int

    external fun orgconnect_lane_cancel(call: Long)

    /** Takes finished calls, which are gone when it returns. */
    interface Deliver : Callback {
        fun callback(
            address: Long,
            length: Long,
        )
    }
}

/**
 * Makes REST calls in one crossing, and takes what has finished meanwhile in one more: a crossing costs more here than most
 * of what a call does.
 */
internal object Lane {
    private const val CLOSED = 2
    private const val SUCCEEDED: Byte = 0
    private const val FAILED: Byte = 1

    private val numbers = AtomicLong()
    private val running = ConcurrentHashMap<Long, Call>()

    /** The handle is kept, so that it is not closed before the call has begun. */
    private class Call(
        val continuation: CancellableContinuation<ByteBuffer>,
        @Suppress("unused") val handle: NativeHandle,
    )

    // Held for as long as there are classes, since the core calls it.
    private val deliver =
        object : LaneLibrary.Deliver {
            override fun callback(
                address: Long,
                length: Long,
            ) {
                val batch = Pointer(address).getByteBuffer(0, length).order(ByteOrder.BIG_ENDIAN)
                while (batch.hasRemaining()) {
                    val call = running.remove(batch.getLong())
                    val outcome = ByteArray(batch.getInt())
                    batch.get(outcome)
                    call?.continuation?.hand(ByteBuffer.wrap(outcome))
                }
            }
        }

    init {
        // Its thread stays attached to the virtual machine: attaching one costs more than a whole call does.
        Native.setCallbackThreadInitializer(deliver, CallbackThreadInitializer(true, false, "orgconnect"))
        if (LaneLibrary.orgconnect_lane_open(deliver) != 0) {
            throw OrgconnectException.Config(
                OrgconnectException.Details("runtime: the threads of orgconnect can't be started; check the limits of the process"),
            )
        }
    }

    /** The number of a handle, good until it is closed. */
    fun number(handle: NativeHandle): Long = handle.callWithHandle { LaneLibrary.orgconnect_lane_handle(it) }

    /** Calls an operation, or [follows] a link. Cancelling the coroutine cancels the call. */
    suspend fun call(
        handle: NativeHandle,
        number: Long,
        follows: Boolean,
        operation: String,
        arguments: ByteArray,
        options: NativeCallOptions?,
    ): NativeReply {
        val request = request(follows, operation, arguments, options)
        val outcome =
            suspendCancellableCoroutine { continuation ->
                val call = numbers.incrementAndGet()
                running[call] = Call(continuation, handle)
                continuation.invokeOnCancellation {
                    running.remove(call)
                    LaneLibrary.orgconnect_lane_cancel(call)
                }
                val refused = LaneLibrary.orgconnect_lane_begin(call, number, request, request.size.toLong())
                if (refused != 0) {
                    running.remove(call)
                    continuation.resumeWith(Result.failure(refusal(refused)))
                } else if (continuation.isCancelled) {
                    // It may have been cancelled before it began.
                    LaneLibrary.orgconnect_lane_cancel(call)
                }
            }
        return when (outcome.get()) {
            SUCCEEDED -> FfiConverterTypeNativeReply.read(outcome)
            FAILED -> throw NativeException.Failed(FfiConverterTypeNativeFailure.read(outcome))
            else -> throw InternalException("a call broke")
        }
    }

    private fun request(
        follows: Boolean,
        operation: String,
        arguments: ByteArray,
        options: NativeCallOptions?,
    ): ByteArray {
        val size =
            1UL + FfiConverterString.allocationSize(operation) + FfiConverterByteArray.allocationSize(arguments) +
                FfiConverterOptionalTypeNativeCallOptions.allocationSize(options)
        val request = ByteBuffer.allocate(size.toInt())
        request.put(if (follows) 1 else 0)
        FfiConverterString.write(operation, request)
        FfiConverterByteArray.write(arguments, request)
        FfiConverterOptionalTypeNativeCallOptions.write(options, request)
        return request.array().copyOf(request.position())
    }

    private fun refusal(code: Int): Exception =
        if (code == CLOSED) IllegalStateException("the handle is closed") else InternalException("a call was refused ($code)")

    /** Resumes the coroutine where it belongs: never on the core's thread, on which all others wait. */
    private fun CancellableContinuation<ByteBuffer>.hand(outcome: ByteBuffer) {
        val dispatcher = context[ContinuationInterceptor] as? CoroutineDispatcher
        if (dispatcher != null && dispatcher.isDispatchNeeded(context)) {
            resume(outcome)
        } else {
            Dispatchers.Default.dispatch(EmptyCoroutineContext) { resume(outcome) }
        }
    }
}
