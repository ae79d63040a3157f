import Foundation
import Orgconnect
import Testing

/// A folder that goes with the test.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("orgconnect-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A store that hands out every lease twice.
private actor Careless: TokenStore {
    nonisolated let identity = "careless"
    private let inner = MemoryOfOurs()

    func load(_ key: ConnectionKey) async throws -> StoredRecord? { try await inner.load(key) }
    func save(_ key: ConnectionKey, _ record: Record, expected: UInt64) async throws -> UInt64 {
        try await inner.save(key, record, expected: expected)
    }
    func delete(_ key: ConnectionKey, expected: UInt64) async throws { try await inner.delete(key, expected: expected) }
    func acquire(_ key: ConnectionKey, owner: String, ttl: Duration) async throws -> Bool { true }
    func release(_ key: ConnectionKey, owner: String) async throws {}
    func list(_ query: ListQuery) async throws -> [ListedRecord] { try await inner.list(query) }
}

@Suite struct NamedStoreTests {
    @Test func everyStoreKeepsItsContract() async throws {
        let folder = try Folder()
        let names = ["memory:", "file:\(folder.path)/files", "sqlite:\(folder.path)/tokens.db"]
        for name in names {
            let store = Store.named(name)
            try await store.check()
            try await store.prepare()
            #expect(try !store.identity().isEmpty)
        }
        let sealed = Store.sealed(.sqlite("\(folder.path)/sealed.db"), keys: try Store.generateKey())
        try await sealed.check()
        #expect(try sealed.isEncrypted())
        #expect(try !Store.named(names[1]).isEncrypted())
        do {
            try await Store.custom(Careless()).check()
            Issue.record("the store hands out every lease twice")
        } catch let broken as BrokenPromise {
            #expect(broken.description.contains("lease"))
        }
    }

    @Test func recordsMoveFromOneStoreToAnotherAndTheirKeyIsReplaced() async throws {
        let folder = try Folder()
        let from = Store.sqlite("\(folder.path)/tokens.db")
        let clinic = try await Clinic(store: from)
        let (old, new) = (try Store.generateKey().expose(), try Store.generateKey().expose())
        let to = Store.sealed(named: "file:\(folder.path)/sealed", keys: Secret(old))
        let namespace = try clinic.client.namespace()
        let done = try await from.migrate(to: to, namespace: namespace, remove: true)
        #expect(done.copied == 1 && done.failed.isEmpty)
        #expect(try await clinic.client.connections().isEmpty)
        try to.replaceKeys(Secret("\(new) \(old)"))
        #expect(try await to.rewrapAll(namespace: namespace).moved == 1)
        try to.replaceKeys(Secret(new))
        let later = try Client(
            clientID: clinic.clientID,
            clientSecret: clinic.secret,
            baseURL: clinic.sandbox.url,
            store: to,
            requireEncryption: true,
            clock: clinic.clock
        )
        #expect(try await later.connection("clinic").summary().id == "clinic")
        let plain = try await failure { try from.replaceKeys(Secret(new)) }
        #expect(plain.kind == .config)
    }

    @Test func aNameThatIsWrongIsRefusedAndAPasswordIsNeverShown() async throws {
        let names = [
            ("tokens.db", "kind of store"), ("mysql:tokens", "begins with none of"),
            ("memory:?key=CANARY-7", "env:NAME"),
            ("postgres://clinic:CANARY-7@127.0.0.1/tokens?pool=many", "pool"),
            ("redis://:CANARY-7@127.0.0.1/0?colour=red", "colour"),
        ]
        for (name, why) in names {
            let refused = try await failure { try Store.named(name).identity() }
            #expect(refused.code == "store_refused")
            #expect(refused.message.contains(why), "\(refused.message)")
            #expect(!shown(refused).contains("CANARY-7"))
        }
        let address = "postgres://clinic:CANARY-7@127.0.0.1:1/tokens?timeout=1"
        #expect(try !Store.postgres(address).identity().contains("CANARY-7"))
        #expect(!shown(Store.postgres(address)).contains("CANARY-7"))
        let away = try await failure { try await Store.postgres(address).prepare() }
        #expect(away.code == "store_unavailable")
    }

    @Test func aClientThatRequiresEncryptionTakesNoStoreInClearText() async throws {
        let folder = try Folder()
        let refused = try await failure {
            let plain = Store.file("\(folder.path)/files")
            return try Client(clientID: "id", clientSecret: "secret", store: plain, requireEncryption: true)
        }
        #expect(refused.kind == .config && refused.fields["store"] != nil)
        let odd = try await failure { try Client(clientID: "id", clientSecret: "secret", storeTimeout: .zero) }
        #expect(odd.fields["store_timeout"] != nil)
    }

    @Test func aRefresherRefreshesWhatEndsSoon() async throws {
        let clinic = try await Clinic()
        let refresher = try clinic.client.refresher(ahead: .seconds(3_600), interval: .milliseconds(10))
        #expect(try await refresher.runOnce().refreshed == 0)
        try await clinic.advance(12 * 3_600)
        #expect(try await refresher.runOnce().refreshed == 1)
        #expect(try await clinic.refreshes() == 1)
        try await clinic.advance(12 * 3_600)
        try refresher.start()
        while try refresher.stats().refreshed == 0 { await Task.yield() }
        #expect(try await refresher.stop().refreshed == 1)
        let odd = try await failure { try clinic.client.refresher(concurrency: 0).start() }
        #expect(odd.fields["concurrency"] != nil)
    }
}
