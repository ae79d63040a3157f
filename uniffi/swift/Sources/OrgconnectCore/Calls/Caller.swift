import Foundation

/// Carries the calls of a handle to the core. There is nothing to do with it directly.
public struct Caller: Sendable {
    package let line: any Line
    package let options: CallOptions?

    package init(line: any Line, options: CallOptions? = nil) { (self.line, self.options) = (line, options) }

    func with(_ options: CallOptions) -> Self { Self(line: line, options: options) }

    @discardableResult
    func send(_ operation: String, path: KeyValuePairs<String, String> = [:]) async throws -> Reply {
        try await line.send(operation, try Arguments(path, NoArguments()).json(), options)
    }

    @discardableResult
    func send(
        _ operation: String,
        path: KeyValuePairs<String, String> = [:],
        _ request: some Encodable & Sendable
    ) async throws -> Reply {
        try await line.send(operation, try Arguments(path, request).json(), options)
    }

    func follow(_ operation: String, _ nextPage: String) async throws -> Reply {
        try await line.follow(operation, nextPage, options)
    }

    func request(
        _ method: String,
        _ path: String,
        _ query: KeyValuePairs<String, String>,
        _ body: Data?
    ) async throws -> Reply {
        try await line.request(method, path, query, body, options)
    }

    func send(_ batch: Batch) async throws -> [Batch.Verdict] { try await line.send(batch.entries, options) }
}

extension Caller: CustomReflectable {
    /// Nothing inside.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What each of the two native modules does for a handle.
package protocol Line: Sendable {
    func send(_ operation: String, _ arguments: Data, _ options: CallOptions?) async throws -> Reply
    func follow(_ operation: String, _ nextPage: String, _ options: CallOptions?) async throws -> Reply
    func request(
        _ method: String,
        _ path: String,
        _ query: KeyValuePairs<String, String>,
        _ body: Data?,
        _ options: CallOptions?
    ) async throws -> Reply
    func send(_ batch: any BatchEntries, _ options: CallOptions?) async throws -> [Batch.Verdict]
}

/// Acts as the members of an organization.
package protocol Members: Sendable {
    func impersonate(_ sub: String) throws -> Account
    func impersonate(email: String) async throws -> Account
}

/// The entries of a batch where the core keeps them.
package protocol BatchEntries: Sendable {
    func add(_ operation: String, _ arguments: Data) throws
}

/// The arguments of a call: those in its path, and those of its request.
struct Arguments<Request: Encodable>: Encodable {
    private let path: KeyValuePairs<String, String>
    private let request: Request

    init(_ path: KeyValuePairs<String, String>, _ request: Request) { (self.path, self.request) = (path, request) }

    func encode(to encoder: any Encoder) throws {
        try request.encode(to: encoder)
        var fields = encoder.container(keyedBy: FieldName.self)
        for (name, value) in path { try fields.encode(value, forKey: FieldName(name)) }
    }

    /// The text of one object.
    func json() throws -> Data {
        do {
            return try JSONEncoder().encode(self)
        } catch {
            // The one thing that JSON can't hold is a number without a value.
            let message = "the arguments can't be written as JSON; replace a number that is infinite or not a number"
            throw OrgconnectError.invalid(.init(message: message))
        }
    }
}

/// A request without arguments.
struct NoArguments: Encodable {
    func encode(to encoder: any Encoder) throws { _ = encoder.container(keyedBy: FieldName.self) }
}
