import Foundation
import Orgconnect
import Testing

/// Rows A1, A3 and A8 of the faults to survive, from Swift.
@Suite(.serialized) struct LifecycleRows {
    @Test func a1AHerdSharesOneRefreshPerExpiry() async throws {
        let clinic = try await Clinic(strict: true)
        try await clinic.sandbox.control("POST", "/sandbox/faults", ["path": "/oauth/token", "delay_before_ms": 100])
        for expiry in 1...4 {
            try await clinic.advance(7_200)
            let organization = clinic.organization
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 { group.addTask { _ = try await organization.send("organization.list_members") } }
                try await group.waitForAll()
            }
            #expect(try await clinic.refreshes() == expiry)
        }
    }

    @Test func a3SwiftAndRustShareOneStore() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("orgconnect-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let clinic = try await Clinic(store: .file(folder.path), strict: true)
        // By anybody's clock the token is good: that it ended is learned from the API, by all at the same time.
        try await clinic.sandbox.control("POST", "/sandbox/connections/expire", [:])
        let workers = try (0..<4).map { _ in
            let worker = Process()
            worker.executableURL = Programs.worker
            worker.arguments = ["calls 50"]
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
        for _ in 0..<50 { _ = try await organization.send("organization.list_members") }
        for worker in workers {
            let output = (worker.standardOutput as? Pipe)?.fileHandleForReading.readDataToEndOfFile() ?? Data()
            worker.waitUntilExit()
            let said = try JSONDecoder().decode(JSONValue.self, from: output)
            #expect(said["failed"] == 0)
        }
        // A grant whose refresh token is used twice would be gone.
        try await clinic.sandbox.control("POST", "/sandbox/connections/expire", [:])
        _ = try await organization.send("organization.list_members")
    }

    @Test func a8ACancelledTaskCancelsItsCallAndNeverARefresh() async throws {
        let clinic = try await Clinic(strict: true)
        try await clinic.sandbox.control("POST", "/sandbox/faults", ["path": "/oauth/token", "delay_after_ms": 20])
        let organization = clinic.organization
        var cancelled = 0
        for round in 0..<30 {
            try await clinic.advance(7_200)
            let call = Task { try await organization.send("organization.list_members") }
            for _ in 0..<Int.random(in: 0...(round * 20)) { await Task.yield() }
            call.cancel()
            do { _ = try await call.value } catch is CancellationError { cancelled += 1 }
            try await clinic.client.settle()
            #expect(try await clinic.refreshes() <= round + 1)
        }
        #expect(cancelled > 0)
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
