package io.github.orgconnect

import io.github.orgconnect.ffi.NativeHandOff
import io.github.orgconnect.ffi.NativePublicClient
import io.github.orgconnect.internal.Calls
import io.github.orgconnect.internal.native

/**
 * A client without a secret and without a refresh token, for apps on people's devices: it calls with access tokens that an
 * [AccessTokenSource] hands out, at Cronofy or at a backend of your own that passes calls on.
 *
 * There is no way to give it a secret. What needs one (making an authorization URL, exchanging a code, organizations,
 * webhooks) is done on your backend.
 */
public class PublicClient
@JvmOverloads
constructor(
    source: AccessTokenSource,
    settings: Settings = Settings(),
) : AutoCloseable {
    private val native = native { NativePublicClient(ForeignSource(source), settings.toNative()) }

    /** The user for whom the source hands out tokens. No I/O. */
    public fun account(): Account = native { Account(Calls(native.account())) }

    /**
     * Takes an authorization URL that the backend made, to be opened in the system's browser. No I/O.
     *
     * Throws [OrgconnectException.Invalid], naming `authorization_url`, if it leads anywhere but to an authorization
     * page of Cronofy or of the base URL.
     */
    public fun handOff(authorizationUrl: String): HandOff = native { HandOff(native.handOff(authorizationUrl)) }

    /** Gives back what the client holds. Handles that were made from it go on working. */
    override fun close(): Unit = native.close()
}

/**
 * An authorization URL that your backend made, on its way through an app.
 *
 * Open [url] in the system's browser (Custom Tabs; never in a web view of your own), and pass what comes back through the
 * app link to [accept]. The backend keeps the pending authorization and completes it.
 */
public class HandOff internal constructor(
    private val native: NativeHandOff,
) {
    /** What to open in the system's browser. */
    public val url: String get() = native { native.url() }

    /** Where the browser comes back to: an app link. */
    public val redirectUri: String get() = native { native.redirectUri() }

    /** Whether a link that the app was opened with is a callback, as opposed to any other link. */
    public fun isCallback(link: String): Boolean = native { native.isCallback(link) }

    /**
     * Checks that a callback answers this authorization, and returns what to send to the backend: its query string.
     *
     * Other programs of the device can open links, so a callback with another state is refused here, before it costs a
     * request; the backend checks again. The code in it is of use to the backend alone.
     *
     * Throws [OrgconnectException.Authorization] with a code such as `state_mismatch` or `access_denied`.
     */
    public fun accept(callbackUrl: String): String = native { native.accept(callbackUrl) }
}
