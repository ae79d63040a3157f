import Foundation

/// What all handles can do: call any operation by its name, call a path that is not known, and take options.
public protocol Handle: Sendable {
    /// What carries its calls. There is nothing to do with it directly.
    var caller: Caller { get }

    /// The same handle with other options for its calls. A cheap view.
    func withOptions(_ options: CallOptions) -> Self
}

extension Handle {
    /// Calls an operation by its name, with arguments by their wire names.
    ///
    /// - Throws: ``OrgconnectError/invalid(_:)``, before any I/O, for an unknown operation, for one that needs another
    ///   credential, and for arguments that are missing, unknown or of the wrong shape.
    public func send(_ operation: String, _ arguments: [String: JSONValue] = [:]) async throws -> Reply {
        try await caller.send(operation, arguments)
    }

    /// Follows the link to the next page that an earlier reply of `operation` held.
    ///
    /// - Throws: ``OrgconnectError/invalid(_:)``, naming `next_page`, if the link leads anywhere but to Cronofy's API:
    ///   credentials never follow it.
    public func follow(_ operation: String, _ nextPage: String) async throws -> Reply {
        try await caller.follow(operation, nextPage)
    }

    /// Calls a path below `/v1/` that this version doesn't know. A `GET`, `PUT` or `DELETE` may be repeated, anything else
    /// only if it surely never arrived.
    public func request(
        _ method: String,
        _ path: String,
        query: KeyValuePairs<String, String> = [:],
        body: JSONValue? = nil
    ) async throws -> Reply {
        let body = try body.map { try JSONEncoder().encode($0) }
        return try await caller.request(method, path, query, body)
    }

    /// Sends a batch, and returns the verdict on each entry in the order in which they were added. An entry that was not
    /// carried out has the error that the call would have thrown; the others stand.
    public func send(_ batch: Batch) async throws -> [Batch.Verdict] {
        try await caller.send(batch)
    }
}

/// The handle of an application: its client.
public protocol ClientHandle: Handle {}

/// How a call is carried out, where it differs from the client's settings.
public struct CallOptions: Sendable {
    /// The time for the whole call, repetitions included: at most an hour. Default: the client's (30 s).
    public var timeout: Duration?
    /// How often it is sent at the most; 1 switches repeating off. Default: the client's (3).
    public var attempts: UInt32?
    /// Fields that are added to the body (or, for a `GET`, to the query) without being checked: for what Cronofy takes and
    /// this version doesn't know.
    public var extra: [String: JSONValue]

    /// Makes options; what is left out is as the client has it.
    public init(timeout: Duration? = nil, attempts: UInt32? = nil, extra: [String: JSONValue] = [:]) {
        self.timeout = timeout
        self.attempts = attempts
        self.extra = extra
    }
}

extension CallOptions: CustomReflectable {
    /// The names of extra fields and not their values, which may be secret.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: ["timeout": timeout as Any, "attempts": attempts as Any, "extra": Array(extra.keys)]
        )
    }
}

/// An organization: its members and resources, its scheduling requests, and anyone in it through `impersonate`.
///
/// ```swift
/// let organization = try client.organization("opu_5700a00eb0ccd07000000000")
/// let doc = try await organization.impersonate(email: "doc@example.com")
/// ```
public struct Organization: Handle {
    /// What carries its calls.
    public let caller: Caller
    private let unit: any Members

    package init(caller: Caller, unit: any Members) { (self.caller, self.unit) = (caller, unit) }

    /// Acts as the member with this `sub`. No I/O: whether there is such a member is Cronofy's to say at the first call.
    ///
    /// - Throws: ``OrgconnectError/invalid(_:)``, naming `sub`, for a text that no `sub` can be.
    public func impersonate(_ sub: String) throws -> Account {
        try unit.impersonate(sub).withOptions(caller.options)
    }

    /// Acts as the member with this e-mail address, which is looked up in the member list (all of its pages, kept for a
    /// minute).
    ///
    /// - Throws: ``OrgconnectError/notFound(_:)`` if no member has the address, ``OrgconnectError/invalid(_:)`` if several
    ///   have, both naming `email`.
    public func impersonate(email: String) async throws -> Account {
        try await unit.impersonate(email: email).withOptions(caller.options)
    }

    /// The same organization with other options for its calls. A cheap view.
    public func withOptions(_ options: CallOptions) -> Self { Self(caller: caller.with(options), unit: unit) }
}

/// One user: a member of an organization, by ``Organization/impersonate(_:)``, or the account of a connection of its own.
///
/// A cheap view: keep it, or make a new one for each call.
public struct Account: Handle {
    /// What carries its calls.
    public let caller: Caller
    /// The `sub` that calls are made as, for a member who is impersonated.
    public let sub: String?

    package init(caller: Caller, sub: String? = nil) { (self.caller, self.sub) = (caller, sub) }

    /// The same account with other options for its calls. A cheap view.
    public func withOptions(_ options: CallOptions) -> Self { Self(caller: caller.with(options), sub: sub) }

    fileprivate func withOptions(_ options: CallOptions?) -> Self { options.map { withOptions($0) } ?? self }
}

/// A service account of Enterprise Connect: its resources, and access to the accounts of its domain.
public struct ServiceAccount: Handle {
    /// What carries its calls.
    public let caller: Caller

    package init(caller: Caller) { self.caller = caller }

    /// The same service account with other options for its calls. A cheap view.
    public func withOptions(_ options: CallOptions) -> Self { Self(caller: caller.with(options)) }
}
