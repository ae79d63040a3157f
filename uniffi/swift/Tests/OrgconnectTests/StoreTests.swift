import Foundation
import Orgconnect
import Testing

/// A store of the host's own, in memory, that misbehaves when told to.
actor MemoryOfOurs: TokenStore {
    enum Mood: Sendable { case well, slow, blocked, refusing(StoreError), throwing(any Error) }

    nonisolated let identity: String
    private var records: [ConnectionKey: StoredRecord] = [:]
    private var leases: [ConnectionKey: String] = [:]
    private var mood = Mood.well
    private(set) var cancelled = 0
    private(set) var waiting = 0

    init(identity: String = UUID().uuidString) { self.identity = identity }

    func become(_ mood: Mood) { self.mood = mood }

    func load(_ key: ConnectionKey) async throws -> StoredRecord? {
        try await answer()
        return records[key]
    }

    func save(_ key: ConnectionKey, _ record: Record, expected: UInt64) async throws -> UInt64 {
        try await answer()
        guard (records[key]?.version ?? 0) == expected else { throw StoreError.conflict() }
        records[key] = StoredRecord(record: record, version: expected + 1)
        return expected + 1
    }

    func delete(_ key: ConnectionKey, expected: UInt64) async throws {
        try await answer()
        guard (records[key]?.version ?? 0) == expected else { throw StoreError.conflict() }
        records[key] = nil
    }

    func acquire(_ key: ConnectionKey, owner: String, ttl: Duration) async throws -> Bool {
        try await answer()
        if leases[key] != nil { return false }
        leases[key] = owner
        return true
    }

    func release(_ key: ConnectionKey, owner: String) async throws {
        try await answer()
        if leases[key] == owner { leases[key] = nil }
    }

    func list(_ query: ListQuery) async throws -> [ListedRecord] {
        try await answer()
        let own = records.filter { $0.key.namespace == query.namespace && $0.key.connection > (query.after ?? "") }
        return own.sorted { $0.key.connection < $1.key.connection }.prefix(query.limit).map {
            ListedRecord(connection: $0.key.connection, version: $0.value.version, expiresAt: $0.value.record.expiresAt)
        }
    }

    private func answer() async throws {
        switch mood {
        case .well: return
        case .slow: for _ in 0..<50 { await Task.yield() }
        case .refusing(let error): throw error
        case .throwing(let error): throw error
        case .blocked:
            waiting += 1
            do { try await Task.sleep(for: .seconds(3_600)) } catch {
                cancelled += 1
                throw error
            }
        }
    }
}

/// An error of the host's that holds what must not be repeated.
private struct Careless: Error, CustomStringConvertible {
    let description: String
}

@Suite struct StoreTests {
    @Test func aStoreOfOursKeepsWhatACompletionBrings() async throws {
        let store = MemoryOfOurs()
        let clinic = try await Clinic(store: .custom(store))
        #expect(try await clinic.client.connections().map(\.id) == ["clinic"])
        let other = try Client(
            clientID: "another",
            clientSecret: "secret",
            baseURL: clinic.sandbox.url,
            store: .custom(store)
        )
        #expect(try await other.connections().isEmpty)
    }

    @Test func aStoreThatFailsIsNamedAndNothingIsSent() async throws {
        let store = MemoryOfOurs()
        let clinic = try await Clinic(store: .custom(store))
        try await clinic.advance(7_200)
        let before = try await clinic.sandbox.requests().count
        let moods: [(StoreError, String)] = [
            (.unavailable("the disk is away"), "store_unavailable"), (.refused("no key"), "store_refused"),
            (.unreadable("torn"), "store_unreadable"), (.conflict(), "store_conflict"),
        ]
        for (error, code) in moods {
            await store.become(.refusing(error))
            let failed = try await failure { try await clinic.connection.summary() }
            #expect(failed.kind == .store)
            #expect(failed.code == code)
        }
        #expect(try await clinic.sandbox.requests().count == before)
        await store.become(.well)
        _ = try await clinic.organization.members.list().all()
    }

    @Test func whatAStoreThrowsOtherwiseIsNotRepeated() async throws {
        let store = MemoryOfOurs()
        let clinic = try await Clinic(store: .custom(store))
        await store.become(.throwing(Careless(description: "token CANARY-7 was not written")))
        let failed = try await failure { try await clinic.connection.summary() }
        #expect(failed.code == "store_unavailable")
        #expect(failed.isTransient)
        #expect(!shown(failed).contains("CANARY-7"))
    }

    @Test func aStoreThatIsSlowIsWaitedFor() async throws {
        let store = MemoryOfOurs()
        let clinic = try await Clinic(store: .custom(store))
        await store.become(.slow)
        try await clinic.advance(7_200)
        _ = try await clinic.organization.members.list().all()
        #expect(try await clinic.refreshes() == 1)
    }

    @Test func aCallThatAStoreBlocksIsCancelledWithItsTaskAndNoOtherWaits() async throws {
        let store = MemoryOfOurs()
        let clinic = try await Clinic(store: .custom(store))
        let other = try await Clinic()
        await store.become(.blocked)
        let call = Task { try await clinic.connection.summary() }
        while await store.waiting == 0 { await Task.yield() }
        _ = try await other.organization.members.list().all()
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        // The question to the store is cancelled, too.
        while await store.cancelled == 0 { await Task.yield() }
    }

    @Test(arguments: ["file", "sqlite", "sealed"]) func aConnectionIsThereAnotherDay(_ kind: String) async throws {
        let folder = try Folder()
        let key = try Store.generateKey()
        func store() -> Store {
            switch kind {
            case "file": .file("\(folder.path)/tokens")
            case "sqlite": .sqlite("\(folder.path)/tokens")
            default: .sealed(.file("\(folder.path)/tokens"), keys: key)
            }
        }
        let clinic = try await Clinic(store: store())
        let later = try Client(
            clientID: clinic.clientID,
            clientSecret: clinic.secret,
            baseURL: clinic.sandbox.url,
            store: store(),
            requireEncryption: kind == "sealed",
            clock: clinic.clock
        )
        let members = try await later.organization("clinic").members.list().all()
        #expect(!members.isEmpty)
    }

    @Test func aStoreThatCannotBeOpenedIsNamed() async throws {
        let failed = try await failure {
            try Client(clientID: "id", clientSecret: "secret", store: .sqlite("/nowhere/at/all/tokens.db"))
        }
        #expect(failed.kind == .store)
    }
}
