package io.github.orgconnect

import io.github.orgconnect.api.OrganizationAreas
import io.github.orgconnect.api.ServiceAccountAreas
import io.github.orgconnect.ffi.NativeMember
import io.github.orgconnect.ffi.NativeOrganization
import io.github.orgconnect.internal.Calls
import io.github.orgconnect.internal.native

/** An organization: its members and resources, its scheduling requests, and anyone in it through [impersonate]. */
public class Organization private constructor(
    private val native: NativeOrganization,
    override val calls: Calls,
) : OrganizationAreas() {
    /**
     * Acts as the member with this `sub`. No I/O: whether there is such a member is Cronofy's to say at the first call.
     *
     * Throws [OrgconnectException.Invalid], naming `sub`, for a text that no `sub` can be.
     */
    public fun impersonate(sub: String): Account = native { member(native.impersonate(sub)) }

    /**
     * Acts as the member with this e-mail address, which is looked up in the member list (all of its pages, kept for a
     * minute).
     *
     * Throws [OrgconnectException.NotFound] if no member has the address, [OrgconnectException.Invalid] if several have,
     * both naming `email`.
     */
    public suspend fun impersonateEmail(email: String): Account = native { member(native.impersonateEmail(email, null)) }

    /** The same handle with other options for its calls. A cheap view. */
    public fun withOptions(options: CallOptions): Organization = Organization(native, calls.withOptions(options))

    internal companion object {
        fun of(native: NativeOrganization) = Organization(native, Calls(native.handle()))

        private fun member(member: NativeMember) = Account(Calls(member.handle()), member.sub())
    }
}

/** A service account: it lists resources, and asks for authorizations of users and resources. */
public class ServiceAccount internal constructor(
    override val calls: Calls,
) : ServiceAccountAreas() {
    /** The same handle with other options for its calls. A cheap view. */
    public fun withOptions(options: CallOptions): ServiceAccount = ServiceAccount(calls.withOptions(options))
}
