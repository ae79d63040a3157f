package io.github.orgconnect

import io.github.orgconnect.ffi.NativeCallOptions
import io.github.orgconnect.ffi.NativeReply
import io.github.orgconnect.internal.Calls
import io.github.orgconnect.internal.decode
import io.github.orgconnect.internal.toBytes
import io.github.orgconnect.internal.toUnsignedMillis
import kotlinx.serialization.DeserializationStrategy
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import java.time.Duration

/** What all handles can do: call any operation by its name, follow a link, and call a path that is not known. */
public abstract class Handle internal constructor() {
    internal abstract val calls: Calls

    /**
     * Calls an operation by its name, with arguments by their wire names.
     *
     * Throws [OrgconnectException.Invalid], before any I/O, for an unknown operation, for one that needs another
     * credential, and for arguments that are missing, unknown or of the wrong shape.
     */
    @JvmOverloads
    public suspend fun send(
        operation: String,
        arguments: JsonObject = JsonObject(emptyMap()),
    ): Reply = calls.send(operation, arguments.toBytes())

    /**
     * Follows the link to the next page that an earlier reply of [operation] held.
     *
     * Throws [OrgconnectException.Invalid], naming `next_page`, if the link leads anywhere but to Cronofy's API:
     * credentials never follow it.
     */
    public suspend fun follow(
        operation: String,
        nextPage: String,
    ): Reply = calls.follow(operation, nextPage)

    /**
     * Calls a path below `/v1/` that this version doesn't know. A `GET`, `PUT` or `DELETE` may be repeated, anything else
     * only if it surely never arrived.
     */
    @JvmOverloads
    public suspend fun request(
        method: String,
        path: String,
        query: List<Pair<String, String>> = emptyList(),
        body: JsonElement? = null,
    ): Reply = calls.request(method, path, query, body)
}

/** How a call is carried out, where it differs from the client's settings. */
public class CallOptions
@JvmOverloads
constructor(
    /** The time for the whole call, repetitions included: at most an hour. Default: the client's (30 s). */
    public val timeout: Duration? = null,
    /** How often it is sent at the most; 1 switches repeating off. Default: the client's (3). */
    public val attempts: Int? = null,
    /**
     * Fields that are added to the body (or, for a `GET`, to the query) without being checked: for what Cronofy takes
     * and this version doesn't know.
     */
    public val extra: JsonObject? = null,
) {
    internal fun toNative(): NativeCallOptions =
        NativeCallOptions(
            timeout?.toUnsignedMillis("timeout"),
            attempts?.coerceAtLeast(0)?.toUInt(),
            extra?.toBytes(),
        )

    /** The names of extra fields and not their values, which may be secret. */
    override fun toString(): String = "CallOptions(timeout=$timeout, attempts=$attempts, extra=${extra?.keys})"
}

/** The answer to a call that succeeded. The body is as it was received. */
public class Reply internal constructor(
    native: NativeReply,
) {
    /** The HTTP status. */
    public val status: Int = native.status.toInt()

    /** The id that the server gave the request, if it gives any. */
    public val requestId: String? = native.requestId

    /** The headers, by names in lower case. */
    public val headers: Map<String, String> = native.headers

    /** The link to the next page of a reply that pages, if there is one. */
    public val nextPage: String? = native.nextPage

    /** The body. */
    public val body: ByteArray = native.body

    /** The body as text. */
    public fun text(): String = body.decodeToString()

    /** The body as JSON. Throws [OrgconnectException.Decode] if it is none. */
    public fun json(): JsonElement = decode(JsonElement.serializer())

    /** Decodes the body. Throws [OrgconnectException.Decode] if it is not what was asked for. */
    public fun <T> decode(serializer: DeserializationStrategy<T>): T = decode(this, serializer)

    /** Everything but the content, which may hold tokens or personal data. */
    override fun toString(): String = "Reply(status=$status, requestId=$requestId, body=${body.size} bytes)"
}
