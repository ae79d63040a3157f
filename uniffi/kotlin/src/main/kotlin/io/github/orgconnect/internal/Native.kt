package io.github.orgconnect.internal

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import io.github.orgconnect.FieldError
import io.github.orgconnect.OrgconnectException
import io.github.orgconnect.ffi.InternalException
import io.github.orgconnect.ffi.NativeException
import io.github.orgconnect.ffi.NativeFailure
import io.github.orgconnect.ffi.uniffiRustFutureContinuationCallbackImpl
import java.nio.charset.CharacterCodingException
import java.time.Duration
import kotlin.coroutines.cancellation.CancellationException

/** Calls the core, and turns its failures into ours. */
internal inline fun <T> native(call: () -> T): T {
    requireKotlin()
    Threads.prepared
    return try {
        call()
    } catch (failed: NativeException.Failed) {
        throw failed.failure.toException()
    } catch (_: NativeException.Cancelled) {
        throw CancellationException("the call was cancelled")
    } catch (cancelled: CancellationException) {
        throw cancelled
    } catch (_: IllegalStateException) {
        throw OrgconnectException.Config(OrgconnectException.Details("client: it is closed; make a new one"))
    } catch (_: CharacterCodingException) {
        throw OrgconnectException.Invalid(
            OrgconnectException.Details("a text holds half a character (an unpaired surrogate); cut texts between characters"),
        )
    } catch (failed: InternalException) {
        throw IllegalStateException("orgconnect has a defect; report it with what you called", failed)
    }
}

/**
 * The threads of the core stay attached to the virtual machine once they have called back: attaching one costs more than
 * a whole call does.
 */
internal object Threads {
    val prepared: Unit =
        Native.setCallbackThreadInitializer(
            uniffiRustFutureContinuationCallbackImpl,
            CallbackThreadInitializer(true, false, "orgconnect"),
        )
}

/** A build may put an older library in the place of the one that the package asks for, as that of Spring Boot 3 does. */
internal fun requireKotlin(found: KotlinVersion = KotlinVersion.CURRENT) {
    if (found.isAtLeast(2, 2)) return
    throw OrgconnectException.Config(
        OrgconnectException.Details(
            "kotlin: kotlin-stdlib $found is on the class path, and 2.2 is the oldest that will do; " +
                "with Spring Boot 3, set kotlin.version, kotlin-coroutines.version and kotlin-serialization.version",
        ),
    )
}

internal fun NativeFailure.toException(): OrgconnectException =
    OrgconnectException.of(
        kind,
        OrgconnectException.Details(
            message = detail,
            status = status?.toInt(),
            code = code,
            retryAfter = retryAfterMs?.let { Duration.ofMillis(it.toLong()) },
            requestId = requestId,
            fields = fields.associate { named -> named.field to named.errors.map { FieldError(it.key, it.description) } },
            body = body,
            needsReauthorization = needsReauthorization,
            isTransient = isTransient,
        ),
    )

internal fun Duration.toUnsignedMillis(name: String): ULong {
    if (isNegative) {
        val why = "must not be negative"
        throw OrgconnectException.Config(
            OrgconnectException.Details("$name: $why", fields = mapOf(name to listOf(FieldError("errors.invalid", why)))),
        )
    }
    // What is longer than a century is longer than any limit of the core, which says so itself.
    return (if (this > LONGEST) LONGEST else this).toMillis().toULong()
}

private val LONGEST: Duration = Duration.ofDays(36_525)
