package io.github.orgconnect

import java.time.Duration

/** What the caller should do about an [OrgconnectException]. The names are the same in every language of this SDK. */
public enum class ErrorKind(
    /** The name, as it is written everywhere. */
    public val id: String,
) {
    /** The client is set up wrongly: mend the configuration. */
    CONFIG("config"),

    /** Nobody is authorized: if [OrgconnectException.needsReauthorization], send the owner through `authorize` again. */
    AUTHORIZATION("authorization"),

    /** Somebody is authorized, but not for this: ask for the scope or the permission that is missing. */
    PERMISSION("permission"),

    /** What was asked for does not exist, or is not visible to this authorization. */
    NOT_FOUND("not_found"),

    /** An argument is wrong: [OrgconnectException.fields] names it. */
    INVALID("invalid"),

    /** Too many requests: wait for [OrgconnectException.retryAfter]. */
    RATE_LIMITED("rate_limited"),

    /** The account or profile can't be written to now: ask its owner to reconnect it. */
    LOCKED("locked"),

    /** The plan of the application doesn't include the feature. */
    PLAN("plan"),

    /** Cronofy failed: try again later. */
    SERVER("server"),

    /** Cronofy could not be reached, or the connection broke. */
    NETWORK("network"),

    /** The deadline passed before an answer was there. */
    TIMEOUT("timeout"),

    /** The answer could not be understood. */
    DECODE("decode"),

    /** The token store failed or is not readable. */
    STORE("store"),
}

/** One complaint about one field. */
public data class FieldError(
    /** A stable key, for example `errors.required`. */
    public val key: String,
    /** A sentence for people. */
    public val description: String,
)

/**
 * What went wrong, what it means and what to do about it. There is one class for each [kind].
 *
 * The message says what happened and ends with what to do next; it never holds a secret or a query string.
 */
public sealed class OrgconnectException(
    /** What the caller should do. */
    public val kind: ErrorKind,
    private val details: Details,
) : RuntimeException(details.message) {
    /** The HTTP status, when an answer was received. */
    public val status: Int? get() = details.status

    /** A stable word for the exact reason, for example `invalid_grant`, `access_denied` or `state_mismatch`. */
    public val code: String? get() = details.code

    /** How long to wait before the next try, when that is known. */
    public val retryAfter: Duration? get() = details.retryAfter

    /** The id that the server gave the request, to quote to support. */
    public val requestId: String? get() = details.requestId

    /** The complaints by field, with the wire name of the argument (dotted for nested ones). */
    public val fields: Map<String, List<FieldError>> get() = details.fields

    /** The body of the answer, as received. Answers of the token endpoint are never kept. */
    public val body: ByteArray? get() = details.body

    /** Whether only a new authorization by the owner can help. */
    public val needsReauthorization: Boolean get() = details.needsReauthorization

    /** Whether the same call may succeed later without any change. */
    public val isTransient: Boolean get() = details.isTransient

    /** The client is set up wrongly: mend the configuration. */
    public class Config internal constructor(details: Details) : OrgconnectException(ErrorKind.CONFIG, details)

    /** Nobody is authorized: if [needsReauthorization], send the owner through `authorize` again. */
    public class Authorization internal constructor(details: Details) : OrgconnectException(ErrorKind.AUTHORIZATION, details)

    /** Somebody is authorized, but not for this: ask for the scope or the permission that is missing. */
    public class Permission internal constructor(details: Details) : OrgconnectException(ErrorKind.PERMISSION, details)

    /** What was asked for does not exist, or is not visible to this authorization. */
    public class NotFound internal constructor(details: Details) : OrgconnectException(ErrorKind.NOT_FOUND, details)

    /** An argument is wrong: [fields] names it. */
    public class Invalid internal constructor(details: Details) : OrgconnectException(ErrorKind.INVALID, details)

    /** Too many requests: wait for [retryAfter]. */
    public class RateLimited internal constructor(details: Details) : OrgconnectException(ErrorKind.RATE_LIMITED, details)

    /** The account or profile can't be written to now: ask its owner to reconnect it. */
    public class Locked internal constructor(details: Details) : OrgconnectException(ErrorKind.LOCKED, details)

    /** The plan of the application doesn't include the feature. */
    public class Plan internal constructor(details: Details) : OrgconnectException(ErrorKind.PLAN, details)

    /** Cronofy failed: try again later. */
    public class Server internal constructor(details: Details) : OrgconnectException(ErrorKind.SERVER, details)

    /** Cronofy could not be reached, or the connection broke. */
    public class Network internal constructor(details: Details) : OrgconnectException(ErrorKind.NETWORK, details)

    /** The deadline passed before an answer was there. */
    public class Timeout internal constructor(details: Details) : OrgconnectException(ErrorKind.TIMEOUT, details)

    /** The answer could not be understood. */
    public class Decode internal constructor(details: Details) : OrgconnectException(ErrorKind.DECODE, details)

    /** The token store failed or is not readable. */
    public class Store internal constructor(details: Details) : OrgconnectException(ErrorKind.STORE, details)

    internal class Details(
        val message: String,
        val status: Int? = null,
        val code: String? = null,
        val retryAfter: Duration? = null,
        val requestId: String? = null,
        val fields: Map<String, List<FieldError>> = emptyMap(),
        val body: ByteArray? = null,
        val needsReauthorization: Boolean = false,
        val isTransient: Boolean = false,
    )

    internal companion object {
        /** The exception of a kind, by its name. */
        fun of(
            kind: String,
            details: Details,
        ): OrgconnectException =
            when (ErrorKind.entries.firstOrNull { it.id == kind }) {
                ErrorKind.CONFIG -> Config(details)
                ErrorKind.AUTHORIZATION -> Authorization(details)
                ErrorKind.PERMISSION -> Permission(details)
                ErrorKind.NOT_FOUND -> NotFound(details)
                ErrorKind.INVALID -> Invalid(details)
                ErrorKind.RATE_LIMITED -> RateLimited(details)
                ErrorKind.LOCKED -> Locked(details)
                ErrorKind.PLAN -> Plan(details)
                ErrorKind.NETWORK -> Network(details)
                ErrorKind.TIMEOUT -> Timeout(details)
                ErrorKind.DECODE -> Decode(details)
                ErrorKind.STORE -> Store(details)
                ErrorKind.SERVER, null -> Server(details)
            }
    }
}
