package io.github.orgconnect

import io.github.orgconnect.api.AccountAreas
import io.github.orgconnect.internal.Calls

/**
 * One user: a member of an organization who is impersonated, or the account of a connection of its own.
 *
 * A cheap view: keep it, or make a new one for each call.
 */
public class Account internal constructor(
    override val calls: Calls,
    /** The `sub` that calls are made as, for a member who is impersonated. */
    public val sub: String? = null,
) : AccountAreas() {
    /** The same handle with other options for its calls. A cheap view. */
    public fun withOptions(options: CallOptions): Account = Account(calls.withOptions(options), sub)

    override fun toString(): String = "Account(sub=$sub)"
}
