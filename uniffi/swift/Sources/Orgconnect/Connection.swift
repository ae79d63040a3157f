import Foundation
import OrgconnectCore
import OrgconnectNative

/// A connection: one authorization that was granted, with its tokens in the store under an id.
public struct Connection: Sendable {
    /// Its name in the store: what to keep, to use the connection another day.
    public let id: String
    /// The payload that the authorization carried, if this connection was just completed.
    public let payload: String?
    /// The organization, for a connection of Organization Connect.
    public let organization: Organization
    /// The account, for a connection of Individual Connect or a delegated authorization.
    public let account: Account
    /// The service account, for a connection of Enterprise Connect.
    public let serviceAccount: ServiceAccount

    private let native: NativeConnection

    init(_ native: NativeConnection) throws {
        self.native = native
        (id, payload) = try calling { (try native.id(), try native.payload()) }
        organization = try calling { try Organization(native.organization()) }
        account = try calling { Account(caller: Caller(try native.account())) }
        serviceAccount = try calling { ServiceAccount(caller: Caller(try native.serviceAccount())) }
    }

    /// Reads what the store knows of it. No request is made.
    public func summary() async throws -> ConnectionSummary {
        ConnectionSummary(try await calling { cancel in try await native.summary(cancel: cancel) })
    }

    /// Hands out an access token that is good now, refreshing if need be. Writes the token store when it refreshes.
    ///
    /// For what this SDK doesn't do itself; every use is a place to look at in a review.
    public func accessToken() async throws -> Secret {
        Secret(try await calling { cancel in try await native.accessToken(cancel: cancel) })
    }

    /// Refreshes the access token now, whatever its expiry says. Writes the token store.
    ///
    /// There is no need to call this: tokens are refreshed by themselves.
    @discardableResult
    public func refresh() async throws -> ConnectionSummary {
        ConnectionSummary(try await calling { cancel in try await native.refresh(cancel: cancel) })
    }

    /// Revokes the grant at Cronofy and erases its tokens. Writes the token store.
    ///
    /// In this process the connection can't be used from the moment on that this is called, and a refresh that is under
    /// way does not bring it back; other processes find out when Cronofy refuses their token, or at their next refresh. If
    /// Cronofy can't be reached the error is transient, the tokens are kept for the next try, and the connection stays out
    /// of use. A connection that is revoked already stays so.
    public func revoke() async throws {
        try await calling { cancel in try await native.revoke(cancel: cancel) }
    }
}

extension Connection: CustomReflectable {
    /// Its id.
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}

/// What is known of a connection. Holds no secret.
public struct ConnectionSummary: Hashable, Sendable {
    /// What a connection is for.
    public enum Kind: String, Sendable {
        /// Organization Connect.
        case organization
        /// Individual Connect, a delegated authorization or an application calendar.
        case account
        /// Enterprise Connect.
        case serviceAccount = "service_account"
        /// It can't be told: the record can't be read, or was imported and never refreshed.
        case unknown
    }

    /// Whether a connection can be used.
    public enum State: Hashable, Sendable {
        /// It can.
        case active
        /// Cronofy refused its grant: the owner has to authorize again. `interrupted`: a refresh of another process had
        /// been cut off before.
        case dead(since: Date, interrupted: Bool)
        /// It is being revoked: out of use.
        case revoking(since: Date)
        /// It was revoked here.
        case revoked(since: Date)
        /// There is a record, and it can't be read: damaged, sealed with another key, or written by a newer version. Only
        /// seen in lists.
        case unreadable(reason: String)
    }

    /// Its name in the store.
    public let id: String
    /// What it is for.
    public let kind: Kind
    /// Whether it can be used.
    public let state: State
    /// The `sub` of whoever granted it.
    public let sub: String?
    /// The scope that was granted, separated by blanks.
    public let scope: String?
    /// When the access token was issued.
    public let issuedAt: Date
    /// When the access token ends. It is refreshed before.
    public let expiresAt: Date
    /// How often the record has been written.
    public let version: UInt64
    /// What else came with the grant, by wire names: `account_id`, `linking_profile`, …
    public let extra: [String: JSONValue]

    init(_ native: NativeSummary) {
        id = native.id
        kind = Kind(rawValue: native.kind) ?? .unknown
        let since = Date(milliseconds: native.stateSinceMs ?? 0)
        state =
            switch native.state {
            case "dead": .dead(since: since, interrupted: native.interrupted)
            case "revoking": .revoking(since: since)
            case "revoked": .revoked(since: since)
            case "unreadable": .unreadable(reason: native.stateReason ?? "")
            default: .active
            }
        sub = native.sub
        scope = native.scope
        issuedAt = Date(milliseconds: native.issuedAtMs)
        expiresAt = Date(milliseconds: native.expiresAtMs)
        version = native.version
        extra = object(native.extra)
    }
}
