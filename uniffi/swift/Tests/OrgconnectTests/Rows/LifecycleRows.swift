import Foundation
import Orgconnect
import Testing

/// Rows A1, A3 and A8 of the faults to survive, from Swift.
@Suite(.serialized) struct LifecycleRows {
    @Test func a1AHerdSharesOneRefreshPerExpiry() async throws {
        let clinic = try await Clinic(strict: true)
        try await clinic.sandbox.control("POST", "/sandbox/faults", ["path": "/oauth/token", "delay_before_ms": 200])
        for expiry in 1...times(4, full: 20) {
            try await clinic.advance(7_200)
            let organization = clinic.organization
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<times(200, full: 1_000) {
                    group.addTask { _ = try await organization.send("organization.list_members") }
                }
                try await group.waitForAll()
            }
            #expect(try await clinic.refreshes() == expiry)
        }
    }

    @Test func a3SwiftAndRustRefreshOncePerExpiryOfOneStore() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("orgconnect-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let clinic = try await Clinic(store: .file(folder.path), strict: true, tokensLast: 6_000)
        // By anybody's clock the first token is good: that it ended is learned from the API, by all at the same time.
        try await clinic.sandbox.control("POST", "/sandbox/connections/expire", [:])
        let calls = times(50, full: 500)
        let workers = try (0..<times(4, full: 16)).map { _ in
            let worker = Process()
            worker.executableURL = Programs.worker
            worker.arguments = ["calls \(calls) 1 10"]
            worker.environment = [
                "ORGCONNECT_BASE_URL": clinic.sandbox.url, "ORGCONNECT_CLIENT_ID": clinic.clientID,
                "ORGCONNECT_CLIENT_SECRET": clinic.secret, "ORGCONNECT_STORE": "file:\(folder.path)",
                "ORGCONNECT_CONNECTION": "clinic",
            ]
            worker.standardInput = FileHandle.nullDevice
            worker.standardError = FileHandle.nullDevice
            worker.standardOutput = Pipe()
            try worker.run()
            return worker
        }
        let organization = clinic.organization
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in workers {
                group.addTask {
                    for _ in 0..<calls {
                        _ = try await organization.send("organization.list_members")
                        try await Task.sleep(for: .milliseconds(10))
                    }
                }
            }
            try await group.waitForAll()
        }
        for worker in workers {
            let output = (worker.standardOutput as? Pipe)?.fileHandleForReading.readDataToEndOfFile() ?? Data()
            worker.waitUntilExit()
            let said = try JSONDecoder().decode(JSONValue.self, from: output)
            #expect(said["failed"] == 0)
        }
        let connections = try await clinic.sandbox.control("GET", "/sandbox/counters")["refreshes_by_epoch"]?.object
        let expiries = (connections ?? [:]).values.flatMap { ($0.object ?? [:]).values }
        #expect(!expiries.isEmpty && expiries.allSatisfy { $0 == 1 })
        #expect(try await clinic.refreshes() == expiries.count)
        print("A3: \(2 * workers.count * calls) calls, \(expiries.count) expiries")
    }

    @Test func a8ACancelledTaskCancelsItsCallAndNeverARefresh() async throws {
        let clinic = try await Clinic(strict: true)
        try await clinic.sandbox.control("POST", "/sandbox/faults", ["path": "/oauth/token", "delay_after_ms": 20])
        let organization = clinic.organization
        var cancelled = 0
        for round in 0..<times(30, full: 1_000) {
            try await clinic.advance(7_200)
            let call = Task { try await organization.send("organization.list_members") }
            for _ in 0..<Int.random(in: 0...(round % 50 * 20)) { await Task.yield() }
            call.cancel()
            do { _ = try await call.value } catch is CancellationError { cancelled += 1 }
            try await clinic.client.settle()
            #expect(try await clinic.refreshes() <= round + 1)
        }
        #expect(cancelled > 0)
        print("A8: \(cancelled) of the calls were cancelled")
        _ = try await organization.send("organization.list_members")
    }

    @Test func aTaskThatIsCancelledBeforeSendsNothing() async throws {
        let clinic = try await Clinic()
        let before = try await clinic.sandbox.requests().count
        let organization = clinic.organization
        let call = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await organization.send("organization.list_members")
        }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(try await clinic.sandbox.requests().count == before)
    }
}
