package io.github.orgconnect

import io.github.orgconnect.internal.NullableSerializer
import io.github.orgconnect.internal.SecretSerializer
import io.github.orgconnect.internal.TimeSerializer
import io.github.orgconnect.internal.instantOf
import kotlinx.serialization.Serializable
import java.security.MessageDigest
import java.time.Instant
import java.time.temporal.ChronoUnit

/** A text that must not be seen: it prints as `Secret(…)`. */
@Serializable(with = SecretSerializer::class)
public class Secret(
    private val text: String,
) {
    /** Hands out the text itself. Every use of it is a place to look at in a review. */
    public fun expose(): String = text

    override fun toString(): String = "Secret(…)"

    /** Compares in a time that does not depend on the content. */
    override fun equals(other: Any?): Boolean =
        other is Secret && MessageDigest.isEqual(text.encodeToByteArray(), other.text.encodeToByteArray())

    override fun hashCode(): Int = text.hashCode()
}

/**
 * An instant as Cronofy writes it.
 *
 * Sent, it has whole seconds: Cronofy refuses fractions. Received, a text that is no instant is kept as it is, so that one
 * odd time doesn't spoil a whole page.
 */
@Serializable(with = TimeSerializer::class)
public class Time private constructor(
    /** The instant, unless it is none. */
    public val instant: Instant?,
    private val text: String,
) {
    override fun toString(): String = text

    override fun equals(other: Any?): Boolean = other is Time && other.text == text

    override fun hashCode(): Int = text.hashCode()

    public companion object {
        /** This instant, without its fraction of a second. */
        @JvmStatic
        public fun of(instant: Instant): Time = instant.truncatedTo(ChronoUnit.SECONDS).let { Time(it, it.toString()) }

        /** The instant that a text is, or the text as it is. */
        @JvmStatic
        public fun parse(text: String): Time = instantOf(text)?.let(::of) ?: Time(null, text)
    }
}

/** A field that can be left as it is, removed, or set. */
@Serializable(with = NullableSerializer::class)
public sealed interface Nullable<out T> {
    /** Not sent: it stays as it is. */
    public data object Absent : Nullable<Nothing>

    /** Sent as null: it is removed. */
    public data object Null : Nullable<Nothing>

    /** Set to this. */
    public data class Value<out T>(
        /** The value. */
        public val value: T,
    ) : Nullable<T>

    /** The value, if there is one. */
    public fun valueOrNull(): T? = (this as? Value)?.value

    public companion object {
        /** The value, or the removal for null. */
        @JvmStatic
        public fun <T> of(value: T?): Nullable<T> = if (value == null) Null else Value(value)
    }
}
