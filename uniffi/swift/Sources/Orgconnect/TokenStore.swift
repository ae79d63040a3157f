import Foundation
import OrgconnectCore
import OrgconnectNative

/// A place of your own that keeps token records.
///
/// A store keeps small opaque records and knows nothing of OAuth. What makes it safe for many tasks, processes and machines
/// at once are two promises, which every implementation must keep:
///
/// 1. **Compare and swap.** ``save(_:_:expected:)`` writes only if the record still has the version that the writer has
///    read. A writer that was overtaken gets ``StoreError/conflict(_:)``, and nothing has changed.
/// 2. **Leases.** ``acquire(_:owner:ttl:)`` gives the right to refresh a connection to one owner at a time, for a limited
///    time. An owner that dies or stalls loses it when the time is over; should it wake up later, the first promise stops
///    it from overwriting what its successor wrote.
///
/// A record that was saved survives the end of the process (as far as the store is meant to), and a reader sees either the
/// old record or the new one, never a mixture.
///
/// Every method may be called at any time, also for the same key. What it throws should be a ``StoreError``; anything else
/// counts as unavailable, and is not repeated in messages, since it may hold a token. A store that hangs fails the calls
/// that need it by their deadlines, and its task is cancelled. Prove that it keeps its promises with ``Store/check()``.
public protocol TokenStore: Sendable {
    /// A text that is equal for two objects exactly if they reach the same records: a path, an address with its database
    /// and table. It holds no secret. Clients in one process share their refreshes by it.
    var identity: String { get }

    /// Whether what is kept is encrypted before it leaves this process. Default false.
    var isEncrypted: Bool { get }

    /// Reads a record. Nil if there is none.
    func load(_ key: ConnectionKey) async throws -> StoredRecord?

    /// Writes a record if the stored version still is `expected` (0: if there is none), and returns the new version, which
    /// is `expected + 1`. The write is durable when this returns.
    func save(_ key: ConnectionKey, _ record: Record, expected: UInt64) async throws -> UInt64

    /// Removes a record if the stored version still is `expected`. Removing what does not exist is a conflict unless
    /// `expected` is 0.
    func delete(_ key: ConnectionKey, expected: UInt64) async throws

    /// Takes the lease of a key for `owner` and for the time `ttl`, or returns false at once while another owner holds it.
    func acquire(_ key: ConnectionKey, owner: String, ttl: Duration) async throws -> Bool

    /// Gives a lease back. A lease that has passed to another owner is left alone.
    func release(_ key: ConnectionKey, owner: String) async throws

    /// Lists records of a namespace in the order of their ids, without their payloads.
    func list(_ query: ListQuery) async throws -> [ListedRecord]
}

extension TokenStore {
    /// False: what is kept is in clear text.
    public var isEncrypted: Bool { false }
}

/// The key of a record.
public struct ConnectionKey: Hashable, Sendable {
    /// Data center (or base URL) and application: `uk/CLIENT_ID`. Records of two applications never meet.
    public let namespace: String
    /// The connection within it.
    public let connection: String

    /// Makes a key.
    public init(namespace: String, connection: String) { (self.namespace, self.connection) = (namespace, connection) }
}

/// What is written into a store.
public struct Record: Sendable {
    /// Opaque text; it holds secrets unless the store is sealed. Stores write it as it is.
    public let payload: Secret
    /// When the record wants attention: the end of the access token of a living connection. Nil: never.
    public let expiresAt: Date?

    /// Makes a record of what was written.
    public init(payload: Secret, expiresAt: Date?) { (self.payload, self.expiresAt) = (payload, expiresAt) }
}

/// What is read from a store.
public struct StoredRecord: Sendable {
    /// The record as it was saved.
    public let record: Record
    /// How often the record has been written: 1 for the first time.
    public let version: UInt64

    /// Makes one of what was read.
    public init(record: Record, version: UInt64) { (self.record, self.version) = (record, version) }
}

/// A record as it appears in a list.
public struct ListedRecord: Hashable, Sendable {
    /// The connection.
    public let connection: String
    /// Its version.
    public let version: UInt64
    /// When it wants attention.
    public let expiresAt: Date?

    /// Makes one of what was found.
    public init(connection: String, version: UInt64, expiresAt: Date?) {
        (self.connection, self.version, self.expiresAt) = (connection, version, expiresAt)
    }
}

/// Which records to list.
public struct ListQuery: Hashable, Sendable {
    /// The namespace.
    public let namespace: String
    /// Only records that want attention before this time.
    public let expiresBefore: Date?
    /// Only records whose id comes after this one: the last of the page before.
    public let after: String?
    /// At most this many.
    public let limit: Int
}

/// Why a store could not do what it was asked to. The text says what happened and what to do, and holds no secret.
public enum StoreError: Error, Hashable, Sendable {
    /// The record has another version than expected. Nothing was written.
    case conflict(String = "the record was changed by somebody else; read it again")
    /// The store can't be reached or written to now; a later try may succeed.
    case unavailable(String)
    /// A record is there and can't be read: damaged, or written by a newer version.
    case unreadable(String)
    /// The store refuses to be used as it is set up: rights, links, missing key.
    case refused(String)
}

/// A store of the host as the core calls it.
final class ForeignStore: NativeTokenStore {
    private let store: any TokenStore

    init(store: any TokenStore) { self.store = store }

    func load(key: NativeKey) async throws -> NativeStoredRecord? {
        try await answering {
            try await store.load(ConnectionKey(key)).map { stored in
                let record = NativeRecord(
                    payload: stored.record.payload.expose(),
                    expiresAtMs: stored.record.expiresAt?.milliseconds
                )
                return NativeStoredRecord(record: record, version: stored.version)
            }
        }
    }

    func save(key: NativeKey, record: NativeRecord, expected: UInt64) async throws -> UInt64 {
        let record = Record(
            payload: Secret(record.payload),
            expiresAt: record.expiresAtMs.map(Date.init(milliseconds:))
        )
        return try await answering { try await store.save(ConnectionKey(key), record, expected: expected) }
    }

    func delete(key: NativeKey, expected: UInt64) async throws {
        try await answering { try await store.delete(ConnectionKey(key), expected: expected) }
    }

    func acquire(key: NativeKey, owner: String, ttlMs: UInt64) async throws -> Bool {
        try await answering {
            try await store.acquire(ConnectionKey(key), owner: owner, ttl: .milliseconds(Int64(clamping: ttlMs)))
        }
    }

    func release(key: NativeKey, owner: String) async throws {
        try await answering { try await store.release(ConnectionKey(key), owner: owner) }
    }

    func list(query: NativeListQuery) async throws -> [NativeListedRecord] {
        let query = ListQuery(
            namespace: query.namespace,
            expiresBefore: query.expiresBeforeMs.map(Date.init(milliseconds:)),
            after: query.after,
            limit: Int(query.limit)
        )
        return try await answering {
            try await store.list(query).map { listed in
                NativeListedRecord(
                    connection: listed.connection,
                    version: listed.version,
                    expiresAtMs: listed.expiresAt?.milliseconds
                )
            }
        }
    }

    /// Says in the core's words why there is no answer.
    private func answering<Value>(_ ask: () async throws -> Value) async throws -> Value {
        do {
            return try await ask()
        } catch let error as StoreError {
            throw switch error {
            case .conflict(let detail): NativeStoreError.Conflict(detail: detail)
            case .unavailable(let detail): NativeStoreError.Unavailable(detail: detail)
            case .unreadable(let detail): NativeStoreError.Unreadable(detail: detail)
            case .refused(let detail): NativeStoreError.Refused(detail: detail)
            }
        } catch {
            throw NativeStoreError.Unavailable(detail: "the store threw a \(type(of: error)), which is no StoreError")
        }
    }
}

extension ConnectionKey {
    fileprivate init(_ key: NativeKey) { self.init(namespace: key.namespace, connection: key.connection) }
}
