package io.github.orgconnect

import io.github.orgconnect.ffi.NativeEmbedTokens
import io.github.orgconnect.internal.native
import io.github.orgconnect.internal.toBytes
import io.github.orgconnect.internal.toUnsignedMillis
import kotlinx.serialization.json.JsonObject
import java.time.Duration

/**
 * Signs embed tokens with the key pair of an embed: the short-lived JSON Web Tokens with which a page of yours loads
 * Cronofy's embedded scheduler for one of your users. Nothing is sent.
 *
 * Takes the embed's public key (`EMB_…`) and its secret (`ESK_…`), and how long tokens live: at most 24 hours, 4 by
 * default. Throws [OrgconnectException.Config] if one is not what it should be; swapping them is noticed.
 */
public class EmbedTokens
@JvmOverloads
constructor(
    publicKey: String,
    secret: Secret,
    lifetime: Duration? = null,
) {
    private val native =
        native { NativeEmbedTokens(publicKey, secret.expose(), lifetime?.toUnsignedMillis("lifetime")) }

    /**
     * Signs a token that carries these claims about the user, beside `iss`, `iat`, `exp`, `aud` and `jti`.
     *
     * Throws [OrgconnectException.Invalid], naming the claim, if it is one of those.
     */
    @JvmOverloads
    public fun sign(
        claims: JsonObject,
        clock: ManualClock? = null,
    ): Secret = native { Secret(native.sign(claims.toBytes(), clock?.native)) }
}
