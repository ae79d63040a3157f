package io.github.orgconnect.internal

import io.github.orgconnect.CallOptions
import io.github.orgconnect.OrgconnectException
import io.github.orgconnect.Reply
import io.github.orgconnect.ffi.NativeHandle
import io.github.orgconnect.ffi.NativeParameter
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.SerializationException
import kotlinx.serialization.SerializationStrategy
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject

/** How bodies are read and written: what is absent is left out, and what is not known is passed over. */
internal val json: Json =
    Json {
        ignoreUnknownKeys = true
        coerceInputValues = true
    }

/** What every handle calls with: the core's handle, and the options of this view of it. */
internal class Calls(
    internal val handle: NativeHandle,
    private val options: CallOptions? = null,
) {
    private val nativeOptions = options?.toNative()
    private val number by lazy(LazyThreadSafetyMode.PUBLICATION) { Lane.number(handle) }

    fun withOptions(options: CallOptions): Calls = Calls(handle, options)

    /** The arguments of a call that has only those in its path. */
    fun arguments(vararg path: Pair<String, String>): ByteArray =
        if (path.isEmpty()) NOTHING else JsonObject(path.associate { it.first to JsonPrimitive(it.second) }).toBytes()

    /** The arguments of a call: those of its request, and those in its path. */
    fun <T> arguments(
        serializer: SerializationStrategy<T>,
        request: T,
        vararg path: Pair<String, String>,
    ): ByteArray {
        if (path.isEmpty()) return json.encodeToString(serializer, request).encodeToByteArray()
        val fields = json.encodeToJsonElement(serializer, request).jsonObject
        return JsonObject(fields + path.associate { it.first to JsonPrimitive(it.second) }).toBytes()
    }

    suspend fun send(
        operation: String,
        arguments: ByteArray,
    ): Reply = native { Reply(Lane.call(handle, number, false, operation, arguments, nativeOptions)) }

    suspend fun follow(
        operation: String,
        link: String,
    ): Reply = native { Reply(Lane.call(handle, number, true, operation, link.encodeToByteArray(), nativeOptions)) }

    suspend fun request(
        method: String,
        path: String,
        query: List<Pair<String, String>>,
        body: JsonElement?,
    ): Reply =
        native {
            val parameters = query.map { (name, value) -> NativeParameter(name, value) }
            Reply(handle.request(method, path, parameters, body?.toBytes(), nativeOptions, null))
        }

    suspend fun <T> read(
        operation: String,
        arguments: ByteArray,
        serializer: DeserializationStrategy<T>,
    ): T = decode(send(operation, arguments), serializer)

    /** Reads a body that may be missing. */
    suspend fun <T> readOrNull(
        operation: String,
        arguments: ByteArray,
        serializer: DeserializationStrategy<T>,
    ): T? {
        val reply = send(operation, arguments)
        return if (reply.text().isBlank()) null else decode(reply, serializer)
    }

    fun batchOptions() = nativeOptions

    private companion object {
        val NOTHING = ByteArray(0)
    }
}

/** Decodes a body. What the decoder complains of is not repeated, since it quotes the body. */
internal fun <T> decode(
    reply: Reply,
    serializer: DeserializationStrategy<T>,
): T =
    try {
        json.decodeFromString(serializer, reply.text())
    } catch (_: SerializationException) {
        throw undecodable(reply)
    } catch (_: IllegalArgumentException) {
        throw undecodable(reply)
    }

private fun undecodable(reply: Reply): OrgconnectException =
    OrgconnectException.Decode(
        OrgconnectException.Details(
            message = "the answer is not what was expected; read it with `send`, and upgrade if Cronofy has changed",
            status = reply.status,
            requestId = reply.requestId,
            body = reply.body,
        ),
    )

internal fun JsonElement.toBytes(): ByteArray = toString().encodeToByteArray()
