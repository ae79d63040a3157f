package io.github.orgconnect

import io.github.orgconnect.api.ClientAreas
import io.github.orgconnect.ffi.NativeApplication
import io.github.orgconnect.ffi.NativeClient
import io.github.orgconnect.ffi.NativeRefresherSettings
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
     * Without a [store], tokens are kept in the memory of this process. Throws [OrgconnectException.Config], naming the
     * setting.
     *
     * @param tokenTimeout The time for a token request, repetitions included: at most 2 minutes. Default 20 s.
     * @param storeTimeout The time for a call to the store. Default 15 s.
     * @param requireEncryption Refuses a store that keeps tokens in clear text. Default false: then such a store is warned of,
     * once. For production: wrap the store in a [SealedStore], whose key is not where the tokens are.
     */
    @JvmOverloads
    public constructor(
        clientId: String,
        clientSecret: Secret,
        settings: Settings = Settings(),
        store: Store? = null,
        tokenTimeout: Duration? = null,
        storeTimeout: Duration? = null,
        requireEncryption: Boolean = false,
    ) : this(
        native {
            val application =
                NativeApplication(
                    clientId = clientId,
                    clientSecret = clientSecret.expose(),
                    store = store?.native,
                    tokenTimeoutMs = tokenTimeout?.toUnsignedMillis("token_timeout"),
                    storeTimeoutMs = storeTimeout?.toUnsignedMillis("store_timeout"),
                    requireEncryption = requireEncryption,
                )
            NativeClient(application, settings.toNative())
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

    /**
     * Takes over a refresh token that was obtained elsewhere, by another SDK of the same application, under an id of your
     * choice: it is stored, and refreshed at once. Writes the token store.
     *
     * From then on it is kept here alone: Cronofy may change a refresh token when it is used, so whatever used it before must
     * stop. Call it again with the same arguments if the error is transient: the refresh token is kept until it works.
     *
     * Throws [OrgconnectException.Invalid], code `connection_exists`, if the id is in use, and
     * [OrgconnectException.Authorization] if Cronofy does not accept the refresh token.
     */
    public suspend fun importConnection(
        id: String,
        refreshToken: Secret,
    ): Connection = native { Connection(native.importConnection(id, refreshToken.expose(), null)) }

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
     * only. One whose record can't be read is listed as [ConnectionState.Unreadable]. A page may be
     * short; only an empty one is the end.
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

    /** The namespace of this application's records in the store: data center (or base URL) and client id. */
    public val namespace: String get() = native { native.namespace() }

    /**
     * Refreshes connections before they end, in the background or once. No I/O: it works once it is started. What is null has
     * its default.
     *
     * @param ahead How long before its end a token is refreshed. Default 10 minutes; never in the first three quarters of its
     * life.
     * @param hotFor How long after its last use a connection is kept fresh. Default 7 days. Uses are noted every 6 hours.
     * @param interval The pause between two rounds, give or take a half. Default 15 s.
     * @param concurrency How many refreshes are under way at once. Default 16.
     */
    @JvmOverloads
    public fun refresher(
        ahead: Duration? = null,
        hotFor: Duration? = null,
        interval: Duration? = null,
        concurrency: Int? = null,
    ): Refresher =
        native {
            val settings =
                NativeRefresherSettings(
                    ahead?.toUnsignedMillis("ahead"),
                    hotFor?.toUnsignedMillis("hot_for"),
                    interval?.toUnsignedMillis("interval"),
                    concurrency?.coerceAtLeast(0)?.toUInt(),
                )
            Refresher(native.refresher(settings))
        }

    /** Checks the signatures of what Cronofy posts to this application. */
    public fun webhooks(): WebhookVerifier = native { WebhookVerifier(native.webhooks()) }

    /** The same client with other options for its calls. A cheap view. */
    public fun withOptions(options: CallOptions): Client = Client(native, calls.withOptions(options))

    /** Gives back what the client holds. Handles that were made from it go on working. */
    override fun close(): Unit = native.close()
}
