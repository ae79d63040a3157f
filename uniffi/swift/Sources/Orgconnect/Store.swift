import Foundation
import OrgconnectCore
import OrgconnectNative

/// Where a client keeps its tokens. It is opened when it is first used, and all copies of a value share what was opened.
///
/// ```swift
/// // postgres://user:password@host/database?key=env:TOKEN_KEY
/// let store = Store.named(ProcessInfo.processInfo.environment["TOKEN_STORE"] ?? "sqlite:tokens.db")
/// let client = try Client(clientID: clientID, clientSecret: secret, dataCenter: .uk, store: store)
/// ```
public struct Store: Sendable {
    private let kept: Kept

    private init(_ open: @escaping @Sendable () throws -> NativeStore) { kept = Kept(open) }

    func open() throws -> NativeStore { try kept.opened() }

    /// The store that a text names, for a setting of your program.
    ///
    /// `memory:`, `file:tokens`, `sqlite:tokens.db`, `postgres://user:password@host/database`, `redis://…`, `rediss://…`,
    /// `redis+unix:///…`, `keyring:tokens`; absolute paths as in `sqlite:///var/lib/app/tokens.db`. Any of them may have
    /// `key` in its query, which seals it: `key=env:NAME` for keys in an environment variable, `key=file:/path` for keys in
    /// a file, and `key=keyring:service/account` for keys in the keyring; the text never holds a key itself.
    ///
    /// A text that names no store is a ``/OrgconnectCore/OrgconnectError/store(_:)``, code `store_refused`, when the store is first used.
    /// The text, which may hold a password, is never shown.
    public static func named(_ name: String) -> Self { Self { try .open(name: name) } }

    /// In the memory of this process.
    public static func memory() -> Self { Self { try .memory() } }

    /// In files of a folder, which is made if need be. Several processes may share it; nobody else may read it.
    public static func file(_ path: String) -> Self { Self { try .file(path: path) } }

    /// In a SQLite database, which is made if need be. Several processes may share it.
    public static func sqlite(_ path: String) -> Self { Self { try .sqlite(path: path) } }

    /// In files of a folder, sealed with a key in the operating system's keyring.
    public static func keyring(_ path: String) -> Self { Self { try .keyring(path: path) } }

    /// In PostgreSQL, for any number of machines: `postgres://user:password@host:5432/database`.
    public static func postgres(_ url: String) -> Self { Self { try .postgres(url: url) } }

    /// In Redis or Valkey, for any number of machines: `redis://user:password@host:6379/0`, `rediss://…` with TLS,
    /// `redis+unix:///path` for a socket.
    public static func redis(_ url: String) -> Self { Self { try .redis(url: url) } }

    /// In a store of your own.
    public static func custom(_ store: some TokenStore) -> Self {
        Self {
            try .foreign(identity: store.identity, encrypted: store.isEncrypted, store: ForeignStore(store: store))
        }
    }

    /// Encrypted, in another store.
    ///
    /// To change the key: give every process the new one behind the old, then before it, call ``rewrapAll(namespace:)``,
    /// and take the old one away. Until then records move to the current key whenever they are saved.
    ///
    /// - Parameters:
    ///   - inner: The store that keeps what is encrypted.
    ///   - keys: 32 random octets each, in base64, separated by blanks or commas, the current one first; ``generateKey()``
    ///     makes one.
    ///   - allowClearTextReads: Reads records that were written before there was a key, which are refused otherwise. Meant
    ///     for the time of moving.
    ///   - rewrapOnRead: Moves a record to the current key when it is read, too. Set it once every process has the new key.
    public static func sealed(
        _ inner: Self,
        keys: Secret,
        allowClearTextReads: Bool = false,
        rewrapOnRead: Bool = false
    ) -> Self {
        let sealing = NativeSealing(allowClearTextReads: allowClearTextReads, rewrapOnRead: rewrapOnRead)
        return Self { try .sealed(inner: inner.open(), keys: keys.expose(), sealing: sealing) }
    }

    /// Encrypted, in the store that a text names: with these keys, which come from elsewhere, or with those that the text
    /// names. Keys in both places, or in neither, are a ``/OrgconnectCore/OrgconnectError/store(_:)``, code `store_refused`.
    public static func sealed(
        named name: String,
        keys: Secret? = nil,
        allowClearTextReads: Bool = false,
        rewrapOnRead: Bool = false
    ) -> Self {
        let sealing = NativeSealing(allowClearTextReads: allowClearTextReads, rewrapOnRead: rewrapOnRead)
        return Self { try .openSealed(name: name, keys: keys?.expose(), sealing: sealing) }
    }

    /// A new random key for ``sealed(_:keys:allowClearTextReads:rewrapOnRead:)``. Make it once, and keep it where your
    /// other secrets are.
    public static func generateKey() throws -> Secret { Secret(try calling { try generateStoreKey() }) }
}

extension Store {
    /// What it reaches: a path, an address. It is equal for two stores that reach the same records, and holds no secret.
    public func identity() throws -> String { try calling { try open().identity() } }

    /// Whether what is kept is encrypted before it leaves this process.
    public func isEncrypted() throws -> Bool { try calling { try open().isEncrypted() } }

    /// Reaches the server of ``postgres(_:)`` or ``redis(_:)`` now, and makes the tables or brings them up to date. Without
    /// it the first use does.
    public func prepare() async throws {
        let store = try open()
        try await calling { cancel in try await store.prepare(cancel: cancel) }
    }

    /// Proves that the store keeps its contract, in a namespace of its own: run it in the tests of a ``TokenStore``. Writes
    /// the token store.
    ///
    /// - Throws: ``BrokenPromise``, naming the promise.
    public func check() async throws {
        let store = try open()
        if let broken = try await calling({ cancel in try await store.check(cancel: cancel) }) {
            throw BrokenPromise(description: broken)
        }
    }

    /// Copies every record of a namespace (``Client/namespace()``) to another store, and reads each back. With `remove` it
    /// is removed here once that has succeeded. Writes both token stores.
    ///
    /// Whoever uses the old store is to be stopped before, or a refresh there may leave the copy with a token that has been
    /// replaced. May be repeated: what is there already, and the same, is passed over; what is there and differs is left
    /// alone and reported.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/store(_:)`` if either store can't be reached.
    public func migrate(to other: Store, namespace: String, remove: Bool = false) async throws -> Migrated {
        let (from, to) = (try open(), try other.open())
        let done = try await calling { cancel in
            try await from.migrate(to: to, namespace: namespace, remove: remove, cancel: cancel)
        }
        return Migrated(
            copied: Int(done.copied),
            unchanged: Int(done.unchanged),
            failed: byConnection(done.failed)
        )
    }

    /// Goes on with other keys, if it is one that seals. Calls that have begun finish with the ones before.
    public func replaceKeys(_ keys: Secret) throws {
        let store = try open()
        try calling { try store.replaceKeys(keys: keys.expose()) }
    }

    /// Moves every record of a namespace (``Client/namespace()``) to the current key, if it is a store that seals. Writes
    /// the token store.
    ///
    /// May run while the records are in use: each is replaced by compare-and-swap, and one that another process writes to
    /// meanwhile is read again. A record that can't be opened is left alone and reported; the rest is moved.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/store(_:)`` if the store can't be reached. What has been moved stays moved: call it again.
    public func rewrapAll(namespace: String) async throws -> Rewrapped {
        let store = try open()
        let done = try await calling { cancel in try await store.rewrapAll(namespace: namespace, cancel: cancel) }
        return Rewrapped(moved: Int(done.moved), unchanged: Int(done.unchanged), failed: byConnection(done.failed))
    }
}

/// What ``Store/rewrapAll(namespace:)`` did.
public struct Rewrapped: Sendable {
    /// Records that were moved to the current key.
    public let moved: Int
    /// Records that had nothing to be done for: sealed with the current key already, or deleted meanwhile.
    public let unchanged: Int
    /// Connections whose records were left as they are, and why. The old keys are still needed while there are any.
    public let failed: [String: OrgconnectError]
}

/// What ``Store/migrate(to:namespace:remove:)`` did.
public struct Migrated: Sendable {
    /// Records that were copied.
    public let copied: Int
    /// Records that were there already, as they are.
    public let unchanged: Int
    /// Connections whose records were left as they are, and why.
    public let failed: [String: OrgconnectError]
}

/// A promise of the contract of stores that a store does not keep.
public struct BrokenPromise: Error, Hashable, CustomStringConvertible {
    /// The promise.
    public let description: String
}

private func byConnection(_ left: [NativeLeft]) -> [String: OrgconnectError] {
    Dictionary(left.map { ($0.connection, OrgconnectError($0.failure)) }) { first, _ in first }
}

/// A store that is opened once. What can't be opened is tried again when it is wanted next.
private final class Kept: @unchecked Sendable {
    private let lock = NSLock()
    private let open: @Sendable () throws -> NativeStore
    private var store: NativeStore?

    init(_ open: @escaping @Sendable () throws -> NativeStore) { self.open = open }

    func opened() throws -> NativeStore {
        lock.lock()
        defer { lock.unlock() }
        if let store { return store }
        let opened = try calling { try open() }
        store = opened
        return opened
    }
}
