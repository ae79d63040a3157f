import Foundation
import OrgconnectCore
import OrgconnectNative

/// An application, ready to authorize and to call. For programs that can keep a secret: servers. Apps on people's devices
/// use `OrgconnectMobile`.
///
/// ```swift
/// let client = try Client(clientID: clientID, clientSecret: secret, dataCenter: .uk, store: .sqlite("tokens.db"))
/// let pending = try client.authorize(redirectURI: "https://app.example/callback")
/// // Send the owner to pending.url, and keep pending.serialized in their session. Then, with what came back:
/// let connection = try await client.complete(pending, callbackURL)
/// let doc = try await connection.organization.impersonate(email: "doc@example.com")
/// ```
///
/// Copies share everything.
public struct Client: ClientHandle {
    /// What carries its calls.
    public let caller: Caller
    let native: NativeClient

    /// Checks the settings and makes the client. No I/O but reading certificates and opening the store.
    ///
    /// - Parameters:
    ///   - clientID: The application's id, from Cronofy's dashboard.
    ///   - clientSecret: The application's secret, from Cronofy's dashboard.
    ///   - dataCenter: The data center in which the application lives. Default `us`.
    ///   - baseURL: A sandbox or a gateway in place of a data center: an https origin, or http on loopback.
    ///   - store: Where tokens are kept. Default: in the memory of this process.
    ///   - timeout: The time for a whole call, repetitions included. Default 30 s.
    ///   - connectTimeout: The time to make a connection. Default 5 s.
    ///   - tokenTimeout: The time for a token request, repetitions included: at most 2 minutes. Default 20 s.
    ///   - storeTimeout: The time for a call to the store. Default 15 s.
    ///   - requireEncryption: Refuses a store that keeps tokens in clear text. Default false: then such a store is warned
    ///     of, once. For production: use ``Store/sealed(_:keys:allowClearTextReads:rewrapOnRead:)``, with a key that is not
    ///     where the tokens are.
    ///   - retry: How calls are repeated.
    ///   - rateLimit: Holds requests back to a rate. Default: no limit but what a 429 asks for.
    ///   - maxResponseBytes: The largest answer that is accepted, after decompression. Default 32 MiB.
    ///   - proxy: The proxy for every request. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    ///   - extraCACertificates: Certificate authorities to trust beside the operating system's, in PEM form.
    ///   - userAgentSuffix: The name and version of your application for the `User-Agent`, for example `clinic/2.1`.
    ///   - clock: The clock by which tokens expire. Default: the system's.
    /// - Throws: ``/OrgconnectCore/OrgconnectError/config(_:)``, naming the setting.
    public init(
        clientID: String,
        clientSecret: String,
        dataCenter: DataCenter? = nil,
        baseURL: String? = nil,
        store: Store? = nil,
        timeout: Duration? = nil,
        connectTimeout: Duration? = nil,
        tokenTimeout: Duration? = nil,
        storeTimeout: Duration? = nil,
        requireEncryption: Bool = false,
        retry: RetryPolicy? = nil,
        rateLimit: RateLimit? = nil,
        maxResponseBytes: UInt64? = nil,
        proxy: String? = nil,
        extraCACertificates: [Data] = [],
        userAgentSuffix: String? = nil,
        clock: ManualClock? = nil
    ) throws {
        let application = NativeApplication(
            clientId: clientID,
            clientSecret: clientSecret,
            store: try store?.open(),
            tokenTimeoutMs: tokenTimeout?.milliseconds,
            storeTimeoutMs: storeTimeout?.milliseconds,
            requireEncryption: requireEncryption
        )
        let settings = NativeSettings(
            dataCenter: dataCenter,
            baseURL: baseURL,
            timeout: timeout,
            connectTimeout: connectTimeout,
            retry: retry,
            rateLimit: rateLimit,
            maxResponseBytes: maxResponseBytes,
            proxy: proxy,
            extraCACertificates: extraCACertificates,
            userAgentSuffix: userAgentSuffix,
            clock: clock
        )
        try self.init(calling { try NativeClient(application: application, settings: settings) })
    }

    private init(_ native: NativeClient, options: CallOptions? = nil) throws {
        self.native = native
        caller = Caller(line: NativeLine(handle: try calling { try native.calls() }), options: options)
    }

    /// The same client with other options for its calls. A cheap view.
    public func withOptions(_ options: CallOptions) -> Self { Self(self, options) }

    private init(_ other: Self, _ options: CallOptions) {
        native = other.native
        caller = Caller(line: other.caller.line, options: options)
    }
}

extension Client {
    /// A connection by its id. No I/O: whether it exists is found out when it is used.
    public func connection(_ id: String) throws -> Connection {
        try Connection(calling { try native.connection(id: id) })
    }

    /// The organization of a connection of Organization Connect. No I/O.
    public func organization(_ id: String) throws -> Organization { try connection(id).organization }

    /// The organization of an Internal Application: the `client_secret` is its bearer, and there is nothing to connect.
    public func internalOrganization() throws -> Organization {
        try calling { try Organization(native.internalOrganization()) }
    }

    /// The account of a connection of Individual Connect, of a delegated authorization, or an application calendar. No
    /// I/O.
    public func account(_ id: String) throws -> Account { try connection(id).account }

    /// The service account of a connection of Enterprise Connect. No I/O.
    public func serviceAccount(_ id: String) throws -> ServiceAccount { try connection(id).serviceAccount }

    /// The same client with an Admin API key as its credential, for provisioning applications.
    public func admin(key: String) throws -> Client {
        try Client(calling { try native.admin(key: key) }, options: caller.options)
    }

    /// Opens the application calendar with this id of your own, which Cronofy creates at the first call. Writes the token
    /// store, under the `sub` of the calendar.
    public func applicationCalendar(_ id: String) async throws -> Account {
        let handle = try await calling { cancel in
            try await native.applicationCalendar(applicationCalendarId: id, cancel: cancel)
        }
        return Account(caller: Caller(handle))
    }

    /// Takes over a refresh token that was obtained elsewhere, by another SDK of the same application, under an id of your
    /// choice: it is stored, and refreshed at once. Writes the token store.
    ///
    /// From then on it is kept here alone: Cronofy may change a refresh token when it is used, so whatever used it before
    /// must stop. Call it again with the same arguments if the error is transient: the refresh token is kept until it works.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/invalid(_:)``, code `connection_exists`, if the id is in use;
    ///   ``/OrgconnectCore/OrgconnectError/authorization(_:)`` if Cronofy does not accept the refresh token.
    public func importConnection(_ id: String, refreshToken: Secret) async throws -> Connection {
        let connection = try await calling { cancel in
            try await native.importConnection(id: id, refreshToken: refreshToken.expose(), cancel: cancel)
        }
        return try Connection(connection)
    }

    /// Lists stored connections in the order of their ids, at most `limit`, beginning after `after`. Reads the token store
    /// only. One whose record can't be read is listed as ``ConnectionSummary/State/unreadable(reason:)``. A page may be
    /// short; only an empty one is the end.
    public func connections(after: String? = nil, limit: UInt32 = 100) async throws -> [ConnectionSummary] {
        let summaries = try await calling { cancel in
            try await native.connections(after: after, limit: limit, cancel: cancel)
        }
        return summaries.map(ConnectionSummary.init)
    }

    /// Revokes by `sub`: an account, an application calendar, a service account (with everything obtained through it) or
    /// an organization. Tokens in the store are left as they are: Cronofy refuses them from then on.
    public func revoke(sub: String) async throws {
        try await calling { cancel in try await native.revokeSub(sub: sub, cancel: cancel) }
    }

    /// Waits for refreshes that are under way in the background, and for tokens that could not be saved yet. Writes the
    /// token store.
    ///
    /// Call it before a short-lived program ends: a refresh that is cut off between Cronofy's answer and the store may
    /// cost the connection.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/store(_:)`` if tokens still can't be saved; they are lost if the process ends now.
    public func settle() async throws {
        try await calling { cancel in try await native.settle(cancel: cancel) }
    }

    /// The namespace of this application's records in the store: data center (or base URL) and client id.
    public func namespace() throws -> String { try calling { try native.namespace() } }

    /// Refreshes connections before they end, in the background or once. No I/O: it works once it is started.
    ///
    /// - Parameters:
    ///   - ahead: How long before its end a token is refreshed. Default 10 minutes; never in the first three quarters of
    ///     its life.
    ///   - hotFor: How long after its last use a connection is kept fresh. Default 7 days. Uses are noted every 6 hours.
    ///   - interval: The pause between two rounds, give or take a half. Default 15 s.
    ///   - concurrency: How many refreshes are under way at once. Default 16.
    public func refresher(
        ahead: Duration? = nil,
        hotFor: Duration? = nil,
        interval: Duration? = nil,
        concurrency: UInt32? = nil
    ) throws -> Refresher {
        let settings = NativeRefresherSettings(
            aheadMs: ahead?.milliseconds,
            hotForMs: hotFor?.milliseconds,
            intervalMs: interval?.milliseconds,
            concurrency: concurrency
        )
        return Refresher(try calling { try native.refresher(settings: settings) })
    }

    /// Checks the signatures of what Cronofy posts to this application.
    public func webhooks() throws -> WebhookVerifier {
        try WebhookVerifier(calling { try native.webhooks() })
    }
}

extension Client: CustomReflectable {
    /// Nothing inside.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
