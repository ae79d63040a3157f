package io.github.orgconnect

import io.github.orgconnect.ffi.NativeAccessToken
import io.github.orgconnect.ffi.NativeAccessTokenSource
import io.github.orgconnect.ffi.NativeTokenSourceException
import java.time.Instant
import kotlin.coroutines.cancellation.CancellationException

/**
 * Hands out short-lived access tokens, mostly by asking your own backend, which knows who is signed in.
 *
 * It is asked for a token when there is none that is good, and once more when the API refuses one. Calls that need a token
 * at the same time share one question, which goes on to its end even if they are cancelled.
 */
public fun interface AccessTokenSource {
    /**
     * A token for the user who is signed in. [rejected] is the token that the API has just refused, if that is why another
     * is wanted: don't return it again.
     *
     * Throw [SignedOutException] if only the user can mend it; anything else means that the source can't be reached now.
     */
    public suspend fun accessToken(rejected: Secret?): AccessToken
}

/** A short-lived access token. */
public data class AccessToken
@JvmOverloads
constructor(
    /** The token itself. */
    public val token: Secret,
    /** When it ends. Null: it is used until it is refused. */
    public val expiresAt: Instant? = null,
)

/** Nobody is signed in, or no calendar is connected: only the user can mend it. The message must hold no secret. */
public class SignedOutException(
    message: String,
) : Exception(message)

/** The application's source as the core's. What it throws is named by its class alone: its text may hold a token. */
internal class ForeignSource(
    private val source: AccessTokenSource,
) : NativeAccessTokenSource {
    override suspend fun accessToken(rejected: String?): NativeAccessToken =
        try {
            val handed = source.accessToken(rejected?.let(::Secret))
            NativeAccessToken(handed.token.expose(), handed.expiresAt?.toEpochMilli())
        } catch (failed: CancellationException) {
            throw failed
        } catch (failed: SignedOutException) {
            throw NativeTokenSourceException.SignedOut(failed.message ?: "nobody is signed in")
        } catch (failed: Throwable) {
            throw NativeTokenSourceException.Unavailable("it threw ${failed.javaClass.name}")
        }
}
