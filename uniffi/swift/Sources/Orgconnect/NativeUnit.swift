import OrgconnectCore
import OrgconnectNative

/// Acts as the members of an organization.
struct NativeUnit: Members {
    let organization: NativeOrganization

    func impersonate(_ sub: String) throws -> Account {
        try calling { try Account(organization.impersonate(sub: sub)) }
    }

    func impersonate(email: String) async throws -> Account {
        try await calling { cancel in
            try Account(try await organization.impersonateEmail(email: email, cancel: cancel))
        }
    }
}

extension Account {
    init(_ member: NativeMember) throws { self.init(caller: Caller(try member.calls()), sub: try member.sub()) }
}

extension Organization {
    init(_ organization: NativeOrganization) throws {
        self.init(caller: Caller(try organization.calls()), unit: NativeUnit(organization: organization))
    }
}
