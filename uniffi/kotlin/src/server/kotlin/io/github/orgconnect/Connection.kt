package io.github.orgconnect

import io.github.orgconnect.ffi.NativeConnection
import io.github.orgconnect.ffi.NativeSummary
import io.github.orgconnect.internal.Calls
import io.github.orgconnect.internal.json
import io.github.orgconnect.internal.native
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import java.time.Instant

/** A connection: one authorization that was granted, with its tokens in the store under an id. */
public class Connection internal constructor(
    private val native: NativeConnection,
) {
    /** Its name in the store: what to keep, to use the connection another day. */
    public val id: String = native { native.id() }

    /** The payload that the authorization carried, if this connection was just completed. */
    public val payload: String? = native { native.payload() }

    /** The organization, for a connection of Organization Connect. */
    public fun organization(): Organization = native { Organization.of(native.organization()) }

    /** The account, for a connection of Individual Connect or a delegated authorization. */
    public fun account(): Account = native { Account(Calls(native.account())) }

    /** The service account, for a connection of Enterprise Connect. */
    public fun serviceAccount(): ServiceAccount = native { ServiceAccount(Calls(native.serviceAccount())) }

    /** Reads what the store knows of it. No request is made. */
    public suspend fun summary(): ConnectionSummary = native { ConnectionSummary(native.summary(null)) }

    /**
     * Hands out an access token that is good now, refreshing if need be. Writes the token store when it refreshes.
     *
     * For what this SDK doesn't do itself; every use is a place to look at in a review.
     */
    public suspend fun accessToken(): Secret = native { Secret(native.accessToken(null)) }

    /**
     * Refreshes the access token now, whatever its expiry says. Writes the token store.
     *
     * There is no need to call this: tokens are refreshed by themselves.
     */
    public suspend fun refresh(): ConnectionSummary = native { ConnectionSummary(native.refresh(null)) }

    /**
     * Revokes the grant at Cronofy and erases its tokens. Writes the token store.
     *
     * In this process the connection can't be used from the moment on that this is called, and a refresh that is under way
     * does not bring it back. If Cronofy can't be reached the error is transient, the tokens are kept for the next try, and
     * the connection stays out of use. A connection that is revoked already stays so.
     */
    public suspend fun revoke(): Unit = native { native.revoke(null) }

    override fun toString(): String = "Connection(id=$id)"
}

/** What a connection is for. */
public enum class ConnectionKind(
    internal val id: String,
) {
    /** Organization Connect. */
    ORGANIZATION("organization"),

    /** Individual Connect, a delegated authorization, or an application calendar. */
    ACCOUNT("account"),

    /** Enterprise Connect. */
    SERVICE_ACCOUNT("service_account"),

    /** It can't be told: the record can't be read, or was imported and never refreshed. */
    UNKNOWN("unknown"),
}

/** Whether a connection can be used. */
public sealed interface ConnectionState {
    /** In use. */
    public data object Active : ConnectionState

    /** Cronofy answered that the grant is gone. */
    public data class Dead(
        /** When it was found out. */
        public val at: Instant,
        /** Whether a refresh of another process had been interrupted before, which may be what lost the grant. */
        public val interrupted: Boolean,
    ) : ConnectionState

    /** The application revokes it, and Cronofy has not confirmed yet. */
    public data class Revoking(
        /** Since when. */
        public val at: Instant,
    ) : ConnectionState

    /** The application has revoked it. The tokens are erased. */
    public data class Revoked(
        /** When. */
        public val at: Instant,
    ) : ConnectionState

    /**
     * There is a record, and it can't be read: damaged, sealed with another key, or written by a newer version. Only seen in
     * lists.
     */
    public data class Unreadable(
        /** Why, and what to do. */
        public val reason: String,
    ) : ConnectionState
}

/** What is known of a connection. Holds no secret. */
public data class ConnectionSummary(
    /** Its name in the store. */
    public val id: String,
    /** What it is for. */
    public val kind: ConnectionKind,
    /** Whether it can be used. */
    public val state: ConnectionState,
    /** The `sub` of whoever granted it. */
    public val sub: String?,
    /** The scope that was granted, separated by blanks. */
    public val scope: String?,
    /** When the access token was issued. */
    public val issuedAt: Instant,
    /** When the access token ends. It is refreshed before. */
    public val expiresAt: Instant,
    /** How often the record has been written. */
    public val version: Long,
    /** What else came with the grant, by wire names: `account_id`, `linking_profile`, … */
    public val extra: JsonObject,
) {
    internal constructor(native: NativeSummary) : this(
        id = native.id,
        kind = ConnectionKind.entries.firstOrNull { it.id == native.kind } ?: ConnectionKind.UNKNOWN,
        state = stateOf(native),
        sub = native.sub,
        scope = native.scope,
        issuedAt = Instant.ofEpochMilli(native.issuedAtMs),
        expiresAt = Instant.ofEpochMilli(native.expiresAtMs),
        version = native.version.toLong(),
        extra = json.parseToJsonElement(native.extra).jsonObject,
    )
}

private fun stateOf(native: NativeSummary): ConnectionState {
    val since = Instant.ofEpochMilli(native.stateSinceMs ?: 0)
    return when (native.state) {
        "dead" -> ConnectionState.Dead(since, native.interrupted)
        "revoking" -> ConnectionState.Revoking(since)
        "revoked" -> ConnectionState.Revoked(since)
        "unreadable" -> ConnectionState.Unreadable(native.stateReason.orEmpty())
        else -> ConnectionState.Active
    }
}
