import Foundation
import Orgconnect
import Testing

/// Rows B1, B5, B6 and B19 of the faults to survive, from Swift. B12 is in `WebhookTests`.
@Suite(.serialized) struct SecurityRows {
    @Test func b1NothingThatCanBePrintedShowsASecret() async throws {
        let clinic = try await Clinic()
        let secrets = try await clinic.secrets() + ["CANARY-9", "canary-state"]
        let pending = try clinic.client.authorize(redirectURI: World.redirectURI, state: "canary-state-canary-state")
        var seen = shown(clinic.client) + shown(clinic.connection) + shown(clinic.organization)
        seen += shown(try await clinic.connection.summary()) + shown(pending)
        seen += shown(try await clinic.connection.accessToken()) + shown(try clinic.client.webhooks())
        let reply = try await clinic.organization.send("organization.list_members")
        seen += shown(reply) + shown(CallOptions(extra: ["password": "CANARY-9"]))
        for path in ["/oauth/token", "/v1/organizational_unit_members"] {
            for status in [400, 401, 403, 404, 422, 429, 500] {
                try await clinic.sandbox.control("DELETE", "/sandbox/faults")
                try await clinic.sandbox.control(
                    "POST",
                    "/sandbox/faults",
                    ["path": .string(path), "status": .integer(status)]
                )
                if path == "/oauth/token" { try await clinic.advance(7_200) }
                do {
                    _ = try await clinic.organization.withOptions(CallOptions(attempts: 1)).members.list().all()
                } catch { seen += shown(error) + error.localizedDescription }
            }
        }
        for secret in secrets {
            #expect(!seen.contains(secret), "\(secret.prefix(3))… is shown")
        }
    }

    @Test func b5WhatCannotBeInAHeaderIsRefusedBeforeAnythingIsSent() async throws {
        let clinic = try await Clinic()
        let before = try await clinic.sandbox.requests().count
        for octet in Array(0...32) + Array(127...255) {
            let bad = String(UnicodeScalar(UInt8(octet)))
            for sub in ["\(bad)acc_1", "ac\(bad)c_1", "acc_1\(bad)"] {
                #expect(throws: OrgconnectError.self) { try clinic.organization.impersonate(sub) }
                // A blank injects nothing, and Cronofy knows best what it revokes.
                guard octet != 32 else { continue }
                await #expect(throws: OrgconnectError.self) { try await clinic.client.revoke(sub: sub) }
            }
            guard octet != 32 else { continue }
            #expect(throws: OrgconnectError.self) {
                try Client(clientID: "x", clientSecret: "x", userAgentSuffix: "clinic\(bad)/1")
            }
        }
        let organization = clinic.organization
        var random = SystemRandomNumberGenerator()
        var accepted = 0
        for _ in 0..<times(2_000, full: 1_000_000) {
            let scalars = (0..<8).compactMap { _ in UnicodeScalar(UInt32.random(in: 0...0x2FF, using: &random)) }
            let sub = "acc_" + String(String.UnicodeScalarView(scalars))
            guard !sub.unicodeScalars.allSatisfy({ (0x21...0x7E).contains($0.value) }) else { continue }
            do {
                _ = try organization.impersonate(sub)
                accepted += 1
            } catch is OrgconnectError {}
        }
        #expect(accepted == 0)
        #expect(try await clinic.sandbox.requests().count == before)
    }

    @Test func b6InterleavedCallsNeverCross() async throws {
        let clinic = try await Clinic()
        let organizations = try await clinic.sandbox.control("GET", "/sandbox/organizations")["organizations"]?.array
        let own = organizations?.first { $0["name"] == "Northwind Clinic" }?["organization_id"]?.string
        try await clinic.sandbox.control(
            "POST",
            "/sandbox/organizations/\(own.orThrow("there is no clinic"))/members/bulk",
            ["count": 100]
        )
        let members = try await clinic.organization.members.list().all().compactMap(\.sub)
        #expect(members.count > 100)
        let organization = clinic.organization
        let crossed = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<times(300, full: 10_000) {
                let sub = members[number % members.count]
                group.addTask {
                    do {
                        return try await organization.impersonate(sub).userinfo.read().sub != sub
                    } catch let error as OrgconnectError where error.kind == .permission || error.kind == .notFound {
                        return false  // a member who can't be acted as
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(crossed == 0)
        for request in try await clinic.sandbox.requests() where request["path"]?.string?.hasPrefix("/oauth/") == true {
            #expect(request["impersonated"] == nil || request["impersonated"] == .null)
        }
    }

    @Test func b19WhatIsDroppedIsGoneOnBothSides() async throws {
        final class Kept { weak var store: MemoryOfOurs? }
        var all: [Kept] = []
        for _ in 0..<200 {
            let kept = Kept()
            try await {
                let store = MemoryOfOurs()
                kept.store = store
                let client = try Client(clientID: "id", clientSecret: "secret", store: .custom(store))
                let account = try client.organization("clinic").impersonate("acc_1")
                _ = try await failure { try await account.send("no.such_operation", ["x": "y"]) }
                let unknown = try await failure { try await account.send("userinfo.read") }
                #expect(unknown.kind == .authorization)
            }()
            all.append(kept)
        }
        // The core holds a client until its last task has ended, and then lets go of the store that is ours.
        for kept in all {
            for _ in 0..<100_000 where kept.store != nil { await Task.yield() }
            #expect(kept.store == nil)
        }
    }
}
