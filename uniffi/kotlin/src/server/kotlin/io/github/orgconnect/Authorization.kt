package io.github.orgconnect

import io.github.orgconnect.ffi.NativeAuthorizationRequest
import io.github.orgconnect.ffi.NativeFlow
import io.github.orgconnect.ffi.NativePending
import io.github.orgconnect.internal.toUnsignedMillis
import java.time.Duration
import java.time.Instant

/** Which of Cronofy's flows an authorization uses. */
public enum class Flow(
    internal val native: NativeFlow,
) {
    /** Organization Connect: a whole organizational unit. */
    ORGANIZATION(NativeFlow.ORGANIZATION),

    /** Individual Connect: one account. */
    INDIVIDUAL(NativeFlow.INDIVIDUAL),

    /** Enterprise Connect: a service account. */
    ENTERPRISE(NativeFlow.ENTERPRISE),
}

/** What to ask an owner for. Start with one of the functions of the companion, then add what is wanted. */
public class AuthorizationRequest private constructor(
    private val flow: Flow,
    private val redirectUri: String,
    private val scopes: List<String>,
    private val delegatedScopes: List<String> = emptyList(),
    private val locale: String? = null,
    private val payload: String? = null,
    private val state: Secret? = null,
    private val connectionId: String? = null,
    private val lifetime: Duration? = null,
    private val avoidLinking: Boolean? = null,
    private val providerName: String? = null,
    private val linkToken: Secret? = null,
) {
    /** The display language of the pages, for example `de`. Default: the browser's. */
    public fun locale(locale: String): AuthorizationRequest = copy(locale = locale)

    /**
     * Text that rides along, in the state unless that is your own, and is handed back by `complete`. It can be read by
     * whoever sees the URL, so it must not be secret; it can't be changed unnoticed. At most 1,024 octets.
     */
    public fun payload(payload: String): AuthorizationRequest = copy(payload = payload)

    /** Uses this state instead of a random one: 22 to 512 visible ASCII characters, unguessable, never used before. */
    public fun state(state: Secret): AuthorizationRequest = copy(state = state)

    /** Names the connection in the token store, for example after a tenant. Default: the `sub` of the grant. */
    public fun connectionId(connectionId: String): AuthorizationRequest = copy(connectionId = connectionId)

    /** How long the owner has to approve: at most 24 hours. Default 10 minutes. */
    public fun lifetime(lifetime: Duration): AuthorizationRequest = copy(lifetime = lifetime)

    /** Keeps the new calendar account apart from one that the same browser has connected before. */
    public fun avoidLinking(avoid: Boolean): AuthorizationRequest = copy(avoidLinking = avoid)

    /**
     * Selects the calendar provider beforehand: `google`, `office365`, `apple`, …; `cronofy` for no calendar access.
     */
    public fun providerName(providerName: String): AuthorizationRequest = copy(providerName = providerName)

    /** Links the calendar account to an existing Cronofy account, by a token from `link_tokens.create`. */
    public fun linkToken(linkToken: Secret): AuthorizationRequest = copy(linkToken = linkToken)

    /** Asks for scopes that may later be granted to users or resources. Enterprise Connect and Business Connect. */
    public fun delegatedScopes(scopes: List<String>): AuthorizationRequest = copy(delegatedScopes = scopes)

    private fun copy(
        delegatedScopes: List<String> = this.delegatedScopes,
        locale: String? = this.locale,
        payload: String? = this.payload,
        state: Secret? = this.state,
        connectionId: String? = this.connectionId,
        lifetime: Duration? = this.lifetime,
        avoidLinking: Boolean? = this.avoidLinking,
        providerName: String? = this.providerName,
        linkToken: Secret? = this.linkToken,
    ) = AuthorizationRequest(
        flow,
        redirectUri,
        scopes,
        delegatedScopes,
        locale,
        payload,
        state,
        connectionId,
        lifetime,
        avoidLinking,
        providerName,
        linkToken,
    )

    internal fun toNative() =
        NativeAuthorizationRequest(
            flow = flow.native,
            redirectUri = redirectUri,
            scopes = scopes,
            delegatedScopes = delegatedScopes,
            locale = locale,
            payload = payload,
            state = state?.expose(),
            connectionId = connectionId,
            lifetimeMs = lifetime?.toUnsignedMillis("lifetime"),
            avoidLinking = avoidLinking,
            providerName = providerName,
            linkToken = linkToken?.expose(),
        )

    override fun toString(): String = "AuthorizationRequest(flow=$flow, redirectUri=$redirectUri)"

    public companion object {
        /** Organization Connect. The redirect URI is where the owner comes back with a code: http or https. */
        @JvmStatic
        public fun organization(redirectUri: String): AuthorizationRequest =
            AuthorizationRequest(Flow.ORGANIZATION, redirectUri, emptyList())

        /** Individual Connect, with its scopes: `read_events`, `create_event`, … */
        @JvmStatic
        public fun individual(
            redirectUri: String,
            scopes: List<String>,
        ): AuthorizationRequest = AuthorizationRequest(Flow.INDIVIDUAL, redirectUri, scopes)

        /** Enterprise Connect, with the scopes of the service account and those that it may later delegate. */
        @JvmStatic
        public fun enterprise(
            redirectUri: String,
            scopes: List<String>,
            delegatedScopes: List<String>,
        ): AuthorizationRequest = AuthorizationRequest(Flow.ENTERPRISE, redirectUri, scopes, delegatedScopes)
    }
}

/**
 * An authorization that waits for its callback. Send the owner to [url], and keep what [serialize] returns in the owner's
 * session until the callback arrives.
 */
public class PendingAuthorization internal constructor(
    private val native: NativePending,
) {
    /** Where to send the owner. */
    public val url: String get() = native.url

    /** Which flow it is. */
    public val flow: Flow = Flow.entries.first { it.native == native.flow }

    /** The payload that rides along. */
    public val payload: String? get() = native.payload

    /** When it is too late to complete. */
    public val expiresAt: Instant get() = Instant.ofEpochMilli(native.expiresAtMs)

    /** One opaque text for the owner's session. It is signed, not encrypted. */
    public fun serialize(): String = native.serialized

    override fun toString(): String = "PendingAuthorization(flow=$flow, expiresAt=$expiresAt)"
}
