import Foundation

/// What went wrong, what it means and what to do about it. Its cases say what the caller should do.
///
/// ```swift
/// do {
///     try await doc.events.upsert(calendarID: calendarID, request)
/// } catch let error as OrgconnectError {
///     switch error {
///     case .authorization where error.needsReauthorization: print("send the owner through authorize again")
///     case .rateLimited: print("wait \(error.retryAfter ?? .seconds(1))")
///     case _ where error.isTransient: print("try again later")
///     default: print(error.message)
///     }
/// }
/// ```
///
/// A cancelled task is no failure: its calls throw `CancellationError`.
public enum OrgconnectError: Error, Sendable {
    /// The client is set up wrongly: mend the configuration.
    case config(Details)
    /// Nobody is authorized: if ``needsReauthorization``, send the owner through `authorize` again.
    case authorization(Details)
    /// Somebody is authorized, but not for this: ask for the scope or the permission that is missing.
    case permission(Details)
    /// What was asked for does not exist, or is not visible to this authorization.
    case notFound(Details)
    /// An argument is wrong: ``fields`` names it.
    case invalid(Details)
    /// Too many requests: wait for ``retryAfter``.
    case rateLimited(Details)
    /// The account or profile can't be written to now: ask its owner to reconnect it.
    case locked(Details)
    /// The plan of the application doesn't include the feature.
    case plan(Details)
    /// Cronofy failed: try again later.
    case server(Details)
    /// Cronofy could not be reached, or the connection broke.
    case network(Details)
    /// The deadline passed before an answer was there.
    case timeout(Details)
    /// The answer could not be understood.
    case decode(Details)
    /// The token store failed or is not readable.
    case store(Details)

    /// What the caller should do, without the details.
    public enum Kind: String, Sendable, CaseIterable {
        /// Mend the configuration.
        case config
        /// Authorize, perhaps again.
        case authorization
        /// Ask for what is missing.
        case permission
        /// It is not there.
        case notFound = "not_found"
        /// Mend the argument.
        case invalid
        /// Wait.
        case rateLimited = "rate_limited"
        /// Have the account reconnected.
        case locked
        /// Change the plan.
        case plan
        /// Try again later.
        case server
        /// Look at the network.
        case network
        /// Try again later, or allow more time.
        case timeout
        /// Upgrade, or read the body.
        case decode
        /// Look at the token store.
        case store
    }

    /// All that is known about it.
    public struct Details: Hashable, Sendable {
        /// What happened, and what to do next. Holds no secret.
        public let message: String
        /// The HTTP status, when an answer was received.
        public let status: Int?
        /// A stable word for the exact reason, for example `invalid_grant`, `access_denied` or `state_mismatch`.
        public let code: String?
        /// How long to wait before the next try, when that is known.
        public let retryAfter: Duration?
        /// The id that the server gave the request, to quote to support.
        public let requestID: String?
        /// The complaints by field, with the wire name of the argument (dotted for nested ones).
        public let fields: [String: [Complaint]]
        /// The body of the answer, as received. Answers of the token endpoint are never kept.
        public let body: Data?
        /// Whether only a new authorization by the owner can help.
        public let needsReauthorization: Bool
        /// Whether the same call may succeed later without any change.
        public let isTransient: Bool

        package init(
            message: String,
            status: Int? = nil,
            code: String? = nil,
            retryAfter: Duration? = nil,
            requestID: String? = nil,
            fields: [String: [Complaint]] = [:],
            body: Data? = nil,
            needsReauthorization: Bool = false,
            isTransient: Bool = false
        ) {
            self.message = message
            self.status = status
            self.code = code
            self.retryAfter = retryAfter
            self.requestID = requestID
            self.fields = fields
            self.body = body
            self.needsReauthorization = needsReauthorization
            self.isTransient = isTransient
        }
    }

    /// One complaint about one field.
    public struct Complaint: Hashable, Sendable {
        /// A stable key, for example `errors.required`.
        public let key: String
        /// A sentence for people.
        public let description: String

        package init(key: String, description: String) { (self.key, self.description) = (key, description) }
    }

    package init(kind: Kind, _ details: Details) {
        self =
            switch kind {
            case .config: .config(details)
            case .authorization: .authorization(details)
            case .permission: .permission(details)
            case .notFound: .notFound(details)
            case .invalid: .invalid(details)
            case .rateLimited: .rateLimited(details)
            case .locked: .locked(details)
            case .plan: .plan(details)
            case .server: .server(details)
            case .network: .network(details)
            case .timeout: .timeout(details)
            case .decode: .decode(details)
            case .store: .store(details)
            }
    }

    private var parts: (kind: Kind, details: Details) {
        switch self {
        case .config(let details): (.config, details)
        case .authorization(let details): (.authorization, details)
        case .permission(let details): (.permission, details)
        case .notFound(let details): (.notFound, details)
        case .invalid(let details): (.invalid, details)
        case .rateLimited(let details): (.rateLimited, details)
        case .locked(let details): (.locked, details)
        case .plan(let details): (.plan, details)
        case .server(let details): (.server, details)
        case .network(let details): (.network, details)
        case .timeout(let details): (.timeout, details)
        case .decode(let details): (.decode, details)
        case .store(let details): (.store, details)
        }
    }
}

extension OrgconnectError {
    /// What the caller should do.
    public var kind: Kind { parts.kind }
    /// All that is known about it.
    public var details: Details { parts.details }
    /// What happened, and what to do next.
    public var message: String { details.message }
    /// The HTTP status, when an answer was received.
    public var status: Int? { details.status }
    /// A stable word for the exact reason.
    public var code: String? { details.code }
    /// How long to wait before the next try, when that is known.
    public var retryAfter: Duration? { details.retryAfter }
    /// The id that the server gave the request, to quote to support.
    public var requestID: String? { details.requestID }
    /// The complaints by field, with the wire name of the argument.
    public var fields: [String: [Complaint]] { details.fields }
    /// The body of the answer, as received.
    public var body: Data? { details.body }
    /// Whether only a new authorization by the owner can help.
    public var needsReauthorization: Bool { details.needsReauthorization }
    /// Whether the same call may succeed later without any change.
    public var isTransient: Bool { details.isTransient }
}

extension OrgconnectError: LocalizedError, CustomStringConvertible, CustomDebugStringConvertible {
    /// What happened, and what to do next.
    public var description: String { message }
    /// What happened, and what to do next.
    public var errorDescription: String? { message }
    /// Everything but the body.
    public var debugDescription: String { "OrgconnectError.\(kind)(\(details.debugDescription))" }
}

extension OrgconnectError.Details: CustomDebugStringConvertible, CustomReflectable {
    /// Everything but the body, which may hold personal data.
    public var debugDescription: String {
        customMirror.children.map { "\($0.label ?? ""): \(String(reflecting: $0.value))" }.joined(separator: ", ")
    }

    /// Everything but the body, which may hold personal data.
    public var customMirror: Mirror {
        var children: [(String, Any)] = [("message", message)]
        if let status { children.append(("status", status)) }
        if let code { children.append(("code", code)) }
        if let retryAfter { children.append(("retryAfter", retryAfter)) }
        if let requestID { children.append(("requestID", requestID)) }
        if !fields.isEmpty { children.append(("fields", fields)) }
        if let body { children.append(("body", "\(body.count) bytes")) }
        if needsReauthorization { children.append(("needsReauthorization", true)) }
        return Mirror(self, children: children.map { (label: $0.0, value: $0.1) }, displayStyle: .struct)
    }
}
