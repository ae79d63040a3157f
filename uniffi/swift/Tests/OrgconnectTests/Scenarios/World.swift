import Foundation
import Orgconnect

/// The world of a scenario: a sandbox of its own, set up and inspected through the sandbox's control API alone.
final class World {
    /// Where the browser is sent back to; nothing listens there.
    static let redirectURI = "http://127.0.0.1:9/callback"

    /// Something that calls can be made on.
    enum Connected {
        case organization(Organization)
        case account(Account)
        case serviceAccount(ServiceAccount)
        case admin(Client)
    }

    let sandbox: Sandbox
    let client: Client
    private(set) var connections: [String: Connected] = [:]
    var names: Names
    private let clock: ManualClock?
    private var subs: [String: JSONValue] = [:]

    /// Starts a sandbox and brings it about that everything is as given.
    init(_ given: JSONValue) async throws {
        sandbox = try Sandbox(seed: given["seed"]?.integer ?? 7)
        let now = given["now"]?.string ?? "2031-03-03T09:00:00Z"
        if now != "real" { try await sandbox.control("POST", "/sandbox/clock", ["freeze_at": .string(now)]) }
        if let settings = given["settings"] { try await sandbox.control("PATCH", "/sandbox/settings", settings) }
        var names = Names()
        names["sandbox"] = .string(sandbox.url)
        try await World.namePeople(sandbox, &names)

        let owner = try given["application"]?["internal_to"]?.string.map {
            try names.resolve(.string("$organizations/\($0)"))
        }
        let application = try await sandbox.application(internalTo: owner)
        names["application"] = ["client_id": .string(application.clientID)]
        self.names = names
        clock = try Time(now).date.map { try ManualClock(startingAt: $0) }
        client = try Client(
            clientID: application.clientID,
            clientSecret: application.clientSecret,
            baseURL: sandbox.url,
            clock: clock
        )
        for (name, connection) in (given["connections"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            try await connect(name, connection)
        }
        for fault in given["faults"]?.array ?? [] {
            try await sandbox.control("POST", "/sandbox/faults", names.resolve(fault))
        }
        try await sandbox.control("DELETE", "/sandbox/counters")
    }

    /// Moves both clocks on.
    func advance(_ seconds: Int) async throws {
        try await sandbox.control("POST", "/sandbox/clock", ["advance_ms": .integer(seconds * 1_000)])
        try clock.orThrow("a scenario on the real clock can't move it").shift(by: TimeInterval(seconds))
    }

    /// What a person's browser does with an address, and with the fields of a form.
    func visit(_ method: String, _ address: String, _ form: [String: JSONValue]) async throws -> Answer {
        let address = address.hasPrefix("http") ? address : sandbox.url + address
        var headers = ["Accept": "text/html"]
        // Browsers say where a form comes from, and the sandbox takes forms of its own pages only.
        if method == "POST" { headers["Origin"] = sandbox.url }
        return try await sandbox.http.send(method, address, form: method == "POST" ? form : nil, headers: headers)
    }

    private func connect(_ name: String, _ connection: JSONValue) async throws {
        let (kind, how) = try (connection.object?.first).orThrow("\(name): says nothing")
        let scopes = (how["scope"]?.string ?? "").split(separator: " ").map(String.init)
        let delegated = (how["delegated_scope"]?.string ?? "").split(separator: " ").map(String.init)
        let redirectURI = World.redirectURI
        switch kind {
        case "organization":
            let pending = try client.authorize(redirectURI: redirectURI, connectionID: name)
            let connection = try await complete(name, pending, by: how.text)
            connections[name] = .organization(connection.organization)
        case "account":
            let pending = try client.authorizeIndividual(
                redirectURI: redirectURI,
                scopes: scopes,
                delegatedScopes: delegated,
                connectionID: name
            )
            connections[name] = .account(try await complete(name, pending, by: how["by"]?.text ?? "").account)
        case "service_account":
            let pending = try client.authorizeEnterprise(
                redirectURI: redirectURI,
                scopes: scopes,
                delegatedScopes: delegated,
                connectionID: name
            )
            let connection = try await complete(name, pending, by: how["by"]?.text ?? "")
            connections[name] = .serviceAccount(connection.serviceAccount)
        case "internal":
            connections[name] = .organization(try client.internalOrganization())
        case "application_calendar":
            connections[name] = .account(try await client.applicationCalendar(how.text))
            let known = try await sandbox.control("GET", "/sandbox/connections")["connections"]?.array ?? []
            let newest = known.last { $0["kind"] == "application_calendar" }
            subs[name] = newest?["sub"]
        case "admin":
            let owner = try names.resolve(.string("$organizations/\(how.text)"))
            let created = try await sandbox.control("POST", "/sandbox/admin_api_keys", ["organization_id": owner])
            connections[name] = .admin(try client.admin(key: created["admin_api_key"]?.string ?? ""))
        default:
            throw Wrong("\(name): \(kind) is no connection")
        }
        names["connections"] = .object(subs)
    }

    /// Lets somebody approve, and completes the authorization under the connection's name.
    private func complete(
        _ name: String,
        _ pending: PendingAuthorization,
        by approver: String
    ) async throws -> Connection {
        let callback = try await sandbox.approve(pending.url, as: approver)
        let connection = try await client.complete(pending, callback)
        let summary = try await connection.summary()
        // Service accounts are named by another field of the token reply.
        subs[name] = summary.sub.map { .string($0) } ?? summary.extra["service_account_id"]
        return connection
    }

    /// `$organizations/<name>` is an id, `$members/<email>` and `$resources/<email>` are `sub`s.
    private static func namePeople(_ sandbox: Sandbox, _ names: inout Names) async throws {
        var ids: [String: JSONValue] = [:]
        var people: [String: [String: JSONValue]] = ["members": [:], "resources": [:]]
        for organization in try await sandbox.control("GET", "/sandbox/organizations")["organizations"]?.array ?? [] {
            let id = organization["organization_id"]?.string ?? ""
            ids[organization["name"]?.string ?? ""] = .string(id)
            for kind in ["members", "resources"] {
                let found = try await sandbox.control("GET", "/sandbox/organizations/\(id)/\(kind)")
                for person in found[kind]?.array ?? [] {
                    people[kind]?[person["email"]?.string ?? ""] = person["sub"]
                }
            }
        }
        names["organizations"] = .object(ids)
        for (kind, subs) in people { names[kind] = .object(subs) }
    }
}
