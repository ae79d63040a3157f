import Foundation
import OrgconnectCore
import OrgconnectNative

/// Which of Cronofy's flows an authorization uses.
public enum Flow: Sendable {
    /// Organization Connect: a whole organizational unit.
    case organization
    /// Individual Connect: one account.
    case individual
    /// Enterprise Connect: a service account.
    case enterprise
}

/// An authorization that waits for its callback. It is signed, not encrypted: keep ``serialized`` in the owner's session.
public struct PendingAuthorization: Sendable {
    /// Where to send the owner.
    public let url: String
    /// The flow.
    public let flow: Flow
    /// The payload that rides along.
    public let payload: String?
    /// When it is too late to complete it.
    public let expiresAt: Date
    /// The whole of it as one opaque text, which ``Client/pending(_:)`` reads back.
    public let serialized: String

    init(_ native: NativePending) {
        url = native.url
        flow =
            switch native.flow {
            case .organization: .organization
            case .individual: .individual
            case .enterprise: .enterprise
            }
        payload = native.payload
        expiresAt = Date(milliseconds: native.expiresAtMs)
        serialized = native.serialized
    }
}

extension PendingAuthorization: CustomReflectable {
    /// What is no secret: the state in the URL is one until it was used.
    public var customMirror: Mirror {
        Mirror(self, children: ["flow": flow, "payload": payload as Any, "expiresAt": expiresAt])
    }
}

extension Client {
    /// Builds the URL to send the owner of an organization to (Organization Connect), and the value that its callback is
    /// checked against. No I/O.
    ///
    /// - Parameters:
    ///   - redirectURI: Where the owner comes back with a code: http or https.
    ///   - locale: The display language of the pages, for example `de`. Default: the browser's.
    ///   - payload: Text that rides along and is handed back by `complete`. It can be read by whoever sees the URL, so it
    ///     must not be secret; it can't be changed unnoticed. At most 1,024 octets.
    ///   - state: A state in place of a random one: 22 to 512 visible ASCII characters, unguessable, never used before.
    ///   - connectionID: The name of the connection in the token store. Default: the `sub` of the grant.
    ///   - lifetime: How long the owner has to approve: at most 24 hours. Default 10 minutes.
    /// - Throws: ``/OrgconnectCore/OrgconnectError/invalid(_:)``, naming the argument.
    public func authorize(
        redirectURI: String,
        locale: String? = nil,
        payload: String? = nil,
        state: String? = nil,
        connectionID: String? = nil,
        lifetime: Duration? = nil
    ) throws -> PendingAuthorization {
        try authorize(
            NativeAuthorizationRequest(
                flow: .organization,
                redirectUri: redirectURI,
                locale: locale,
                payload: payload,
                state: state,
                connectionId: connectionID,
                lifetimeMs: lifetime?.milliseconds
            )
        )
    }

    /// Builds the URL to send a user to (Individual Connect), and the value that its callback is checked against. No I/O.
    ///
    /// - Parameters:
    ///   - redirectURI: Where the user comes back with a code: http or https.
    ///   - scopes: What is asked for: `read_events`, `create_event`, …
    ///   - delegatedScopes: Scopes that may later be granted to users or resources.
    ///   - locale: The display language of the pages, for example `de`. Default: the browser's.
    ///   - payload: Text that rides along and is handed back by `complete`. It must not be secret. At most 1,024 octets.
    ///   - state: A state in place of a random one: 22 to 512 visible ASCII characters, unguessable, never used before.
    ///   - connectionID: The name of the connection in the token store. Default: the `sub` of the grant.
    ///   - lifetime: How long the user has to approve: at most 24 hours. Default 10 minutes.
    ///   - avoidLinking: Keeps the new calendar account apart from one that the same browser has connected before.
    ///   - providerName: Selects the calendar provider beforehand: `google`, `office365`, `apple`, …; `cronofy` for no
    ///     calendar access.
    ///   - linkToken: Links the calendar account to an existing Cronofy account, by a token from `link_tokens.create`.
    /// - Throws: ``/OrgconnectCore/OrgconnectError/invalid(_:)``, naming the argument.
    public func authorizeIndividual(
        redirectURI: String,
        scopes: [String],
        delegatedScopes: [String] = [],
        locale: String? = nil,
        payload: String? = nil,
        state: String? = nil,
        connectionID: String? = nil,
        lifetime: Duration? = nil,
        avoidLinking: Bool? = nil,
        providerName: String? = nil,
        linkToken: Secret? = nil
    ) throws -> PendingAuthorization {
        try authorize(
            NativeAuthorizationRequest(
                flow: .individual,
                redirectUri: redirectURI,
                scopes: scopes,
                delegatedScopes: delegatedScopes,
                locale: locale,
                payload: payload,
                state: state,
                connectionId: connectionID,
                lifetimeMs: lifetime?.milliseconds,
                avoidLinking: avoidLinking,
                providerName: providerName,
                linkToken: linkToken?.expose()
            )
        )
    }

    /// Builds the URL to send an administrator to (Enterprise Connect), and the value that its callback is checked against.
    /// No I/O.
    ///
    /// - Parameters:
    ///   - redirectURI: Where the administrator comes back with a code: http or https.
    ///   - scopes: The scopes of the service account.
    ///   - delegatedScopes: Scopes that it may later grant to users or resources.
    ///   - locale: The display language of the pages, for example `de`. Default: the browser's.
    ///   - payload: Text that rides along and is handed back by `complete`. It must not be secret. At most 1,024 octets.
    ///   - state: A state in place of a random one: 22 to 512 visible ASCII characters, unguessable, never used before.
    ///   - connectionID: The name of the connection in the token store. Default: the `sub` of the grant.
    ///   - lifetime: How long the administrator has to approve: at most 24 hours. Default 10 minutes.
    /// - Throws: ``/OrgconnectCore/OrgconnectError/invalid(_:)``, naming the argument.
    public func authorizeEnterprise(
        redirectURI: String,
        scopes: [String],
        delegatedScopes: [String],
        locale: String? = nil,
        payload: String? = nil,
        state: String? = nil,
        connectionID: String? = nil,
        lifetime: Duration? = nil
    ) throws -> PendingAuthorization {
        try authorize(
            NativeAuthorizationRequest(
                flow: .enterprise,
                redirectUri: redirectURI,
                scopes: scopes,
                delegatedScopes: delegatedScopes,
                locale: locale,
                payload: payload,
                state: state,
                connectionId: connectionID,
                lifetimeMs: lifetime?.milliseconds
            )
        )
    }

    private func authorize(_ request: NativeAuthorizationRequest) throws -> PendingAuthorization {
        try calling { PendingAuthorization(try native.authorize(request: request)) }
    }

    /// Reads a pending authorization back from the owner's session.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/authorization(_:)``, code `pending_invalid`, if it is not one that this application made.
    public func pending(_ serialized: String) throws -> PendingAuthorization {
        try calling { PendingAuthorization(try native.pending(serialized: serialized)) }
    }

    /// Completes an authorization: checks the callback, exchanges the code, stores the tokens. Writes the token store.
    ///
    /// It goes on to its end even if the task is cancelled: a code that was spent is not lost.
    ///
    /// The callback is the full URL, or its query string, as the browser brought it. Nothing is sent unless the state is
    /// that of the pending authorization, unexpired and unused.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/authorization(_:)`` if the owner denied it (code `access_denied`), if the callback
    ///   doesn't belong to the pending authorization, or if Cronofy doesn't accept the code.
    public func complete(_ pending: PendingAuthorization, _ callback: String) async throws -> Connection {
        try await complete(pending.serialized, callback)
    }

    /// The same, of a pending authorization as it was kept in the owner's session.
    public func complete(_ serialized: String, _ callback: String) async throws -> Connection {
        let connection = try await calling { cancel in
            try await native.complete(pending: serialized, callback: callback, cancel: cancel)
        }
        return try Connection(connection)
    }

    /// Exchanges the code that came to the `callbackURL` of a delegated authorization (Enterprise Connect, Business
    /// Connect). Writes the token store. `connectionID` defaults to the `sub` of the grant.
    public func completeDelegated(
        code: Secret,
        callbackURL: String,
        connectionID: String? = nil
    ) async throws -> Connection {
        let connection = try await calling { cancel in
            try await native.completeDelegated(
                code: code.expose(),
                callbackUrl: callbackURL,
                connectionId: connectionID,
                cancel: cancel
            )
        }
        return try Connection(connection)
    }
}
