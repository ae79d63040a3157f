package io.github.orgconnect.internal

import io.github.orgconnect.Nullable
import io.github.orgconnect.Secret
import io.github.orgconnect.Time
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.PrimitiveSerialDescriptor
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.elementNames
import kotlinx.serialization.descriptors.nullable
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonDecoder
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonEncoder
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import java.time.DateTimeException
import java.time.Instant
import java.time.LocalDate
import java.time.OffsetDateTime
import java.time.format.DateTimeParseException

/** Reads and writes a type that is one text. */
internal abstract class TextSerializer<T>(
    name: String,
) : KSerializer<T> {
    override val descriptor: SerialDescriptor = PrimitiveSerialDescriptor("io.github.orgconnect.$name", PrimitiveKind.STRING)

    abstract fun parse(text: String): T

    abstract fun write(value: T): String

    override fun deserialize(decoder: Decoder): T = parse(decoder.decodeString())

    override fun serialize(
        encoder: Encoder,
        value: T,
    ): Unit = encoder.encodeString(write(value))
}

internal object SecretSerializer : TextSerializer<Secret>("Secret") {
    override fun parse(text: String) = Secret(text)

    override fun write(value: Secret) = value.expose()
}

internal object TimeSerializer : TextSerializer<Time>("Time") {
    override fun parse(text: String) = Time.parse(text)

    override fun write(value: Time) = value.toString()
}

internal object LocalDateSerializer : TextSerializer<LocalDate>("LocalDate") {
    override fun parse(text: String): LocalDate =
        try {
            LocalDate.parse(text)
        } catch (failed: DateTimeParseException) {
            throw SerializationException("a text is no date", failed)
        }

    override fun write(value: LocalDate) = value.toString()
}

/** Reads and writes a field that can be removed. One that is absent is never written: it is the default. */
@OptIn(ExperimentalSerializationApi::class)
internal class NullableSerializer<T>(
    private val value: KSerializer<T>,
) : KSerializer<Nullable<T>> {
    override val descriptor: SerialDescriptor = value.descriptor.nullable

    override fun deserialize(decoder: Decoder): Nullable<T> =
        if (decoder.decodeNotNullMark()) Nullable.Value(value.deserialize(decoder)) else decoder.decodeNull().let { Nullable.Null }

    override fun serialize(
        encoder: Encoder,
        value: Nullable<T>,
    ) {
        when (value) {
            is Nullable.Value -> {
                encoder.encodeNotNullMark()
                this.value.serialize(encoder, value.value)
            }

            Nullable.Null, Nullable.Absent -> encoder.encodeNull()
        }
    }
}

/** A text that is mostly one of a few known ones; others pass through as they are. */
public abstract class OpenEnum internal constructor(
    /** The value as Cronofy writes it. */
    public val value: String,
) {
    final override fun toString(): String = value

    final override fun equals(other: Any?): Boolean = other is OpenEnum && other.javaClass == javaClass && other.value == value

    final override fun hashCode(): Int = value.hashCode()
}

internal abstract class OpenEnumSerializer<T : OpenEnum>(
    name: String,
    private val make: (String) -> T,
) : TextSerializer<T>(name) {
    override fun parse(text: String): T = make(text)

    override fun write(value: T): String = value.value
}

/** Reads and writes a type whose shape is found out by looking at the whole value. */
internal abstract class UnionSerializer<T : Any>(
    name: String,
) : KSerializer<T> {
    override val descriptor: SerialDescriptor = SerialDescriptor("io.github.orgconnect.$name", JsonElement.serializer().descriptor)

    abstract fun read(
        json: Json,
        element: JsonElement,
    ): T

    abstract fun write(
        json: Json,
        value: T,
    ): JsonElement

    override fun deserialize(decoder: Decoder): T {
        val decoder = decoder as? JsonDecoder ?: throw SerializationException("only JSON is read")
        return read(decoder.json, decoder.decodeJsonElement())
    }

    override fun serialize(
        encoder: Encoder,
        value: T,
    ) {
        val encoder = encoder as? JsonEncoder ?: throw SerializationException("only JSON is written")
        encoder.encodeJsonElement(write(encoder.json, value))
    }
}

/** Reads and writes an object that holds fields beyond those that it names. */
internal abstract class ExtraSerializer<T>(
    private val named: KSerializer<T>,
) : KSerializer<T> {
    override val descriptor: SerialDescriptor = named.descriptor

    abstract fun extra(value: T): JsonObject

    abstract fun withExtra(
        value: T,
        extra: JsonObject,
    ): T

    override fun deserialize(decoder: Decoder): T {
        val decoder = decoder as? JsonDecoder ?: throw SerializationException("only JSON is read")
        val all = decoder.decodeJsonElement().jsonObject
        val known = descriptor.elementNames.toSet()
        return withExtra(decoder.json.decodeFromJsonElement(named, all), JsonObject(all.filterKeys { it !in known }))
    }

    override fun serialize(
        encoder: Encoder,
        value: T,
    ) {
        val encoder = encoder as? JsonEncoder ?: throw SerializationException("only JSON is written")
        val fields = encoder.json.encodeToJsonElement(named, value).jsonObject
        encoder.encodeJsonElement(JsonObject(extra(value) + fields))
    }
}

/** Reads a member of a union; null if the value is none. */
internal fun <T : Any> Json.read(
    serializer: KSerializer<T>,
    element: JsonElement,
): T? =
    try {
        decodeFromJsonElement(serializer, element)
    } catch (_: IllegalArgumentException) {
        null
    }

internal fun JsonElement.has(vararg fields: String): Boolean = this is JsonObject && fields.all { it in this }

internal fun JsonElement.says(
    field: String,
    value: JsonPrimitive,
): Boolean = this is JsonObject && this[field] == value

internal fun JsonElement.asInstant(): Instant? = asText()?.let(::instantOf)

/** A date, and nothing that is longer than one. */
internal fun JsonElement.asLocalDate(): LocalDate? =
    asText()?.takeIf { it.length == "2026-12-07".length }?.let {
        try {
            LocalDate.parse(it)
        } catch (_: DateTimeParseException) {
            null
        }
    }

internal fun instantOf(text: String): Instant? =
    try {
        OffsetDateTime.parse(text).toInstant()
    } catch (_: DateTimeException) {
        null
    }

internal fun Instant.toJson(): JsonElement = JsonPrimitive(Time.of(this).toString())

private fun JsonElement.asText(): String? = (this as? JsonPrimitive)?.takeIf { it.isString }?.content
