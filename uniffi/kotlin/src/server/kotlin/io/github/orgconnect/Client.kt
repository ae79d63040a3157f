package io.github.orgconnect

import io.github.orgconnect.api.ClientAreas
import io.github.orgconnect.ffi.NativeApplication
import io.github.orgconnect.ffi.NativeClient
import io.github.orgconnect.internal.Calls
import io.github.orgconnect.internal.native
import io.github.orgconnect.internal.toUnsignedMillis
import java.time.Duration

/**
 * An application, ready to authorize and to call. For servers: its secret must not be in an app; see [PublicClient].
 *
 * ```
 * val client = Client("CLIENT_ID", Secret(System.getenv("CLIENT_SECRET")), Settings(dataCenter = DataCenter.UK))
 * val pending = client.authorize(AuthorizationRequest.organization("https://app.example/callback"))
 * ```
 */
public class Client private constructor(
    private val native: NativeClient,
    override val calls: Calls,
) : ClientAreas(),
    AutoCloseable {
    /**
     * Checks the settings and makes the client. No I/O but reading certificates.
     *
     * Without a [store], tokens are kept in the memory of this process. [tokenTimeout] is the time for a token request,
     * repetitions included: at most 2 minutes, 20 s by default. Throws [OrgconnectException.Config], naming the setting.
     */
    @JvmOverloads
    public constructor(
        clientId: String,
        clientSecret: Secret,
        settings: Settings = Settings(),
        store: Store? = null,
        tokenTimeout: Duration? = null,
    ) : this(
        native {
            val timeout = tokenTimeout?.toUnsignedMillis("token_timeout")
            NativeClient(NativeApplication(clientId, clientSecret.expose(), store?.native, timeout), settings.toNative())
        },
    )

    private constructor(native: NativeClient) : this(native, native { Calls(native.handle()) })

    /** Builds the URL to send an owner to, and the value that its callback is checked against. No I/O. */
    public fun authorize(request: AuthorizationRequest): PendingAuthorization =
        native { PendingAuthorization(native.authorize(request.toNative())) }

    /**
     * Reads a pending authorization back from the owner's session.
     *
     * Throws [OrgconnectException.Authorization], code `pending_invalid`, if it is not one that this application made.
     */
    public fun pending(serialized: String): PendingAuthorization = native { PendingAuthorization(native.pending(serialized)) }

    /**
     * Completes an authorization: checks the callback, exchanges the code, stores the tokens. Writes the token store.
     *
     * It goes on to its end even if the caller is cancelled: a code that was spent is not lost. The callback is the full
     * URL, or its query string, as the browser brought it. Nothing is sent unless the state is that of the pending
     * authorization, unexpired and unused.
     *
     * Throws [OrgconnectException.Authorization] if the owner denied it (code `access_denied`), if the callback doesn't
     * belong to the pending authorization, or if Cronofy doesn't accept the code.
     */
    public suspend fun complete(
        pending: PendingAuthorization,
        callback: String,
    ): Connection = native { Connection(native.complete(pending.serialize(), callback, null)) }

    /**
     * Exchanges the code that came to the [callbackUrl] of a delegated authorization (Enterprise Connect, Business
     * Connect). Writes the token store. [connectionId] defaults to the `sub` of the grant.
     */
    @JvmOverloads
    public suspend fun completeDelegated(
        code: Secret,
        callbackUrl: String,
        connectionId: String? = null,
    ): Connection = native { Connection(native.completeDelegated(code.expose(), callbackUrl, connectionId, null)) }

    /**
     * Opens the application calendar with this id of your own, which Cronofy creates at the first call. Writes the token
     * store, under the `sub` of the calendar.
     */
    public suspend fun applicationCalendar(applicationCalendarId: String): Account =
        native { Account(Calls(native.applicationCalendar(applicationCalendarId, null))) }

    /** A connection by its id. No I/O: whether it exists is found out when it is used. */
    public fun connection(id: String): Connection = native { Connection(native.connection(id)) }

    /** The organization of a connection of Organization Connect. No I/O. */
    public fun organization(id: String): Organization = connection(id).organization()

    /** The organization of an Internal Application: the secret is its bearer, and there is nothing to connect. */
    public fun internalOrganization(): Organization = native { Organization.of(native.internalOrganization()) }

    /**
     * The account of a connection of Individual Connect, of a delegated authorization, or an application calendar. No I/O.
     */
    public fun account(id: String): Account = connection(id).account()

    /** The service account of a connection of Enterprise Connect. No I/O. */
    public fun serviceAccount(id: String): ServiceAccount = connection(id).serviceAccount()

    /** The same client with an Admin API key as its credential, for provisioning applications. */
    public fun admin(key: Secret): Client = native { Client(native.admin(key.expose())) }

    /**
     * Lists stored connections in the order of their ids, at most [limit], beginning after [after]. Reads the token store
     * only. Records that can't be read are left out, so a page may be short; only an empty one is the end.
     */
    @JvmOverloads
    public suspend fun connections(
        after: String? = null,
        limit: Int = 100,
    ): List<ConnectionSummary> =
        native { native.connections(after, limit.coerceAtLeast(0).toUInt(), null).map(::ConnectionSummary) }

    /**
     * Revokes by `sub`: an account, an application calendar, a service account (with everything obtained through it) or an
     * organization. Tokens in the store are left as they are: Cronofy refuses them from then on.
     */
    public suspend fun revokeSub(sub: String): Unit = native { native.revokeSub(sub, null) }

    /**
     * Waits for refreshes that are under way in the background, and for tokens that could not be saved yet. Writes the
     * token store.
     *
     * Call it before a short-lived program ends: a refresh that is cut off between Cronofy's answer and the store may cost
     * the connection. Throws [OrgconnectException.Store] if tokens still can't be saved.
     */
    public suspend fun settle(): Unit = native { native.settle(null) }

    /** Checks the signatures of what Cronofy posts to this application. */
    public fun webhooks(): WebhookVerifier = native { WebhookVerifier(native.webhooks()) }

    /** The same client with other options for its calls. A cheap view. */
    public fun withOptions(options: CallOptions): Client = Client(native, calls.withOptions(options))

    /** Gives back what the client holds. Handles that were made from it go on working. */
    override fun close(): Unit = native.close()
}
