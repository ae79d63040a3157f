import Foundation
import Orgconnect

/// A sandbox with an application and a connected organization, on a clock that the test moves, or on the system's.
struct Clinic {
    let sandbox: Sandbox
    let client: Client
    let clock: ManualClock
    let clientID: String
    let secret: String
    let connection: Connection

    var organization: Organization { connection.organization }

    /// In strict mode a refresh token that is lost, or used twice, ends the grant. With tokens of so many milliseconds, time
    /// goes on by itself.
    init(store: Store? = nil, strict: Bool = false, tokensLast lifetime: Int? = nil) async throws {
        sandbox = try Sandbox()
        let now = "2031-03-03T09:00:00Z"
        if let lifetime {
            try await sandbox.control("PATCH", "/sandbox/settings", ["access_token_ttl_ms": .integer(lifetime)])
        } else {
            try await sandbox.control("POST", "/sandbox/clock", ["freeze_at": .string(now)])
        }
        if strict { try await sandbox.control("PATCH", "/sandbox/settings", ["refresh_mode": "strict"]) }
        let application = try await sandbox.application()
        (clientID, secret) = (application.clientID, application.clientSecret)
        clock = try ManualClock(startingAt: Time(now).date.orThrow("no time"))
        client = try Client(
            clientID: application.clientID,
            clientSecret: application.clientSecret,
            baseURL: sandbox.url,
            store: store,
            clock: lifetime == nil ? clock : nil
        )
        let pending = try client.authorize(redirectURI: World.redirectURI, payload: "tenant-7", connectionID: "clinic")
        let callback = try await sandbox.approve(pending.url, as: "owner@example.com")
        connection = try await client.complete(pending, callback)
    }

    /// Moves both clocks on.
    func advance(_ seconds: Int) async throws {
        try await sandbox.control("POST", "/sandbox/clock", ["advance_ms": .integer(seconds * 1_000)])
        try clock.shift(by: TimeInterval(seconds))
    }

    /// How often a refresh token was presented.
    func refreshes() async throws -> Int {
        try await sandbox.control("GET", "/sandbox/counters")["token_requests"]?["refresh_token"]?.integer ?? 0
    }

    /// The secrets that must not be seen anywhere.
    func secrets() async throws -> [String] {
        [secret, try await connection.accessToken().expose()]
    }
}

/// The error that a call throws.
func failure<Value>(_ call: () async throws -> Value) async throws -> OrgconnectError {
    do {
        let value = try await call()
        throw Wrong("it should fail and came to \(value)")
    } catch let error as OrgconnectError {
        return error
    }
}

/// Everything that can be seen of a value without asking for a secret.
func shown(_ value: Any) -> String {
    var text = "\(value) \(String(reflecting: value)) "
    dump(value, to: &text)
    return text
}
