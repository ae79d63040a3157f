import Foundation
import Orgconnect
import Testing

@Suite struct ClientTests {
    @Test func anAuthorizationTravelsInTheSessionAndIsCompletedOnce() async throws {
        let clinic = try await Clinic()
        let pending = try clinic.client.authorize(
            redirectURI: World.redirectURI,
            locale: "de",
            payload: "tenant-8",
            connectionID: "second",
            lifetime: .seconds(60)
        )
        #expect(pending.url.contains("locale=de"))
        #expect(try clinic.client.pending(pending.serialized).url == pending.url)
        #expect(try pending.expiresAt == clinic.clock.now().addingTimeInterval(60))
        let callback = try await clinic.sandbox.approve(pending.url, as: "owner@example.com")
        let connection = try await clinic.client.complete(pending.serialized, callback)
        #expect(connection.id == "second")
        #expect(connection.payload == "tenant-8")
        let again = try await failure { try await clinic.client.complete(pending, callback) }
        #expect(again.kind == .authorization)
        let forged = try await failure { try await clinic.client.complete("forged", callback) }
        #expect(forged.code == "pending_invalid")
    }

    @Test func membersAreActedAsByAddressAndBySub() async throws {
        let clinic = try await Clinic()
        let doc = try await clinic.organization.impersonate(email: "doc@example.com")
        let sub = try doc.sub.orThrow("no sub")
        #expect(try await doc.userinfo.read().sub == sub)
        #expect(try await clinic.organization.impersonate(sub).userinfo.read().email == "doc@example.com")
        let nobody = try await failure { try await clinic.organization.impersonate(email: "nobody@example.com") }
        #expect(nobody.kind == .notFound)
        #expect(nobody.fields["email"] != nil)
    }

    @Test func eventsAreWrittenReadPageByPageAndDeletedInABatch() async throws {
        let clinic = try await Clinic()
        let doc = try await clinic.organization.impersonate(email: "doc@example.com")
        let calendar = try await doc.calendars.list().calendars.first { $0.calendarReadonly == false }
        let calendarID = try (calendar?.calendarID).orThrow("no calendar")
        let start = try Date("2031-03-04T09:00:00Z", strategy: .iso8601)
        let batch = Batch()
        for number in 0..<3 {
            let time = start.addingTimeInterval(TimeInterval(number) * 3_600)
            let event = UpsertEvent(
                eventID: "visit-\(number)",
                summary: "Visit",
                start: .time(time),
                end: .time(time.addingTimeInterval(900)),
                url: "https://app.example/visits"
            )
            try batch.upsertEvent(calendarID: calendarID, event)
        }
        for verdict in try await doc.send(batch) {
            if case .failure(let error) = verdict { throw error }
        }
        var seen: [String] = []
        let query = ReadEvents(tzid: "Etc/UTC", includeManaged: true)
        for try await event in doc.events.read(query).items where event.summary == "Visit" {
            seen.append(event.eventID ?? "")
        }
        #expect(seen == ["visit-0", "visit-1", "visit-2"])
        try await doc.events.delete(calendarID: calendarID, DeleteEvent(eventID: "visit-0"))
        let bad = Batch()
        try bad.deleteEvent(calendarID: "cal_nowhere", DeleteEvent(eventID: "visit-1"))
        let verdicts = try await doc.send(bad)
        guard case .failure(let error) = try #require(verdicts.first) else { throw Wrong("it should be refused") }
        #expect(error.status != nil)
        #expect(throws: OrgconnectError.self) { try bad.add("userinfo.read") }
    }

    @Test func wrongArgumentsAreNamedBeforeAnythingIsSent() async throws {
        let clinic = try await Clinic()
        let before = try await clinic.sandbox.requests().count
        let doc = try clinic.organization.impersonate("acc_5700a00eb0ccd07000000000")
        let unknown = try await failure {
            try await doc.send("events.upsert", ["calendar_id": "cal_1", "sumary": "x"])
        }
        #expect(unknown.kind == .invalid)
        #expect(unknown.fields["sumary"] != nil && unknown.fields["event_id"] != nil)
        let infinite = try await failure { try await doc.send("events.read", ["tzid": .number(.infinity)]) }
        #expect(infinite.kind == .invalid)
        let foreign = try await failure { try await doc.follow("events.read", "https://evil.example/v1/events/1") }
        #expect(foreign.fields["next_page"] != nil)
        for (setting, make) in [
            ("client_id", { try Client(clientID: "", clientSecret: "x") }),
            ("base_url", { try Client(clientID: "x", clientSecret: "x", baseURL: "http://cronofy.example") }),
            ("timeout", { try Client(clientID: "x", clientSecret: "x", timeout: .zero) }),
            ("retry", { try Client(clientID: "x", clientSecret: "x", retry: RetryPolicy(attempts: 0)) }),
        ] as [(String, () throws -> Client)] {
            let refused = try await failure { try make() }
            #expect(refused.kind == .config)
            #expect(refused.fields[setting] != nil)
        }
        #expect(try await clinic.sandbox.requests().count == before)
    }

    @Test func optionsAndUnknownPathsReachTheCore() async throws {
        let clinic = try await Clinic()
        try await clinic.sandbox.control(
            "POST",
            "/sandbox/faults",
            ["path": "/v1/organizational_unit_members", "status": 503, "times": 2]
        )
        let once = clinic.organization.withOptions(CallOptions(timeout: .seconds(5), attempts: 1))
        let failed = try await failure { try await once.members.list().all() }
        #expect(failed.kind == .server && failed.isTransient && failed.status == 503)
        let reply = try await clinic.organization.request("GET", "/v1/organizational_unit_members")
        #expect(reply.status == 200)
        #expect(try reply.decode(JSONValue.self)["organizational_unit_members"]?.array?.isEmpty == false)
    }

    @Test func aRevokedConnectionSaysThatTheOwnerMustAuthorizeAgain() async throws {
        let clinic = try await Clinic()
        #expect(try await clinic.connection.summary().state == .active)
        try await clinic.connection.revoke()
        guard case .revoked = try await clinic.connection.summary().state else { throw Wrong("it is not revoked") }
        let failed = try await failure { try await clinic.organization.members.list().all() }
        #expect(failed.kind == .authorization && failed.needsReauthorization)
        try await clinic.client.settle()
    }

    @Test func embedTokensCarryClaimsAndRefuseReservedOnes() async throws {
        let tokens = try EmbedTokens(publicKey: "EMB_public", secret: "ESK_secret", lifetime: .seconds(60))
        let clock = try ManualClock(startingAt: Date(timeIntervalSince1970: 1_000))
        let parts = try tokens.sign(["sub": "user-7"], clock: clock).expose().split(separator: ".")
        var payload = String(parts[1]).replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        payload += String(repeating: "=", count: (4 - payload.count % 4) % 4)
        let data = try Data(base64Encoded: payload).orThrow("no base64")
        let claims = try JSONDecoder().decode(JSONValue.self, from: data)
        #expect(claims["sub"] == "user-7" && claims["iat"] == 1_000 && claims["exp"] == 1_060)
        let reserved = try await failure { try tokens.sign(["exp": 1]) }
        #expect(reserved.fields["exp"] != nil)
        #expect(!shown(tokens).contains("ESK_secret"))
    }
}
