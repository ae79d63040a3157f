import Foundation
import Orgconnect
import Testing

/// Every scenario under `tests/scenarios`, one after the other: takes its steps, makes the call on the handle that the step
/// names, and compares what came with what is expected.
@Suite(.serialized) struct ScenarioTests {
    @Test(arguments: try Scenario.all()) func scenario(_ scenario: Scenario) async throws {
        let world: World
        do { world = try await World(scenario.given) } catch { throw Wrong("given: \(error)") }
        for (number, step) in scenario.steps.enumerated() {
            do {
                try await take(step, in: world)
            } catch {
                throw Wrong("\(scenario.title): step \(number + 1) (\(step.json)): \(error)")
            }
        }
    }

    @Test func thereAreScenarios() throws {
        #expect(try Scenario.all().count >= 50)
    }
}

private func take(_ step: JSONValue, in world: World) async throws {
    let names = world.names
    // Resolving an e-mail address reads the member list, which is no request of the step's own.
    let handle = step["call"] ?? step["follow"] == nil ? nil : try await handle(step, in: world)
    let before = try await world.sandbox.requests().last?["number"]?.integer ?? 0
    if let handle {
        try await exchange(step, handle, in: world)
    } else if let name = step["revoke"]?.string {
        let revoked = await outcome { try await world.client.connection(name).revoke() }
        try judge(step["error"], revoked)
    } else if let call = step["control"]?.string {
        let (method, path) = try split(call, names)
        let fields = try names.resolve(step["with"]?.object ?? [:])
        let reply = try await world.sandbox.control(method, path, fields.isEmpty ? nil : .object(fields))
        let body = reply == .null ? Data() : try JSONEncoder().encode(reply)
        try judge(step["reply"], status: 200, body: body, hasNextPage: false, names)
        if let name = step["name"]?.string { world.names[name] = reply }
    } else if let visit = step["visit"]?.string {
        let (method, address) = try split(visit, names)
        let answer = try await world.visit(method, address, names.resolve(step["with"]?.object ?? [:]))
        let page: JSONValue = ["location": answer.location.map { .string($0) } ?? .null, "text": .string(answer.text)]
        try judge(
            step["reply"],
            status: answer.status,
            body: JSONEncoder().encode(page),
            hasNextPage: false,
            names
        )
        if let name = step["name"]?.string { world.names[name] = page }
    } else if let seconds = step["advance"]?.integer {
        try await world.advance(seconds)
    } else if let expected = step["counters"] {
        try match(names.resolve(expected), try await world.sandbox.control("GET", "/sandbox/counters"))
    } else {
        throw Wrong("there is no verb")
    }
    if let expected = step["sent"]?.array {
        try compare(expected.map(names.resolve), try await world.sandbox.requests(after: before))
    }
}

/// The handle that a step calls with.
private func handle(_ step: JSONValue, in world: World) async throws -> any Handle {
    let via = try step["via"]?.string.orThrow("via: a call is made with something") ?? ""
    var handle: any Handle
    switch world.connections[via] {
    case _ where via == "client": handle = world.client
    case .organization(let organization): handle = organization
    case .account(let account): handle = account
    case .serviceAccount(let account): handle = account
    case .admin(let client): handle = client
    case nil: throw Wrong("via: nothing is connected as \(via)")
    }
    if let member = try step["as"]?.string.map(world.names.text) {
        guard let organization = handle as? Organization else {
            throw Wrong("as: only an organization acts as a member")
        }
        handle =
            member.contains("@")
            ? try await organization.impersonate(email: member) : try organization.impersonate(member)
    }
    if let attempts = step["attempts"]?.integer {
        handle = handle.withOptions(CallOptions(attempts: UInt32(attempts)))
    }
    return handle
}

/// Makes a call, or follows a link, as often at a time as the step says.
private func exchange(_ step: JSONValue, _ handle: any Handle, in world: World) async throws {
    let names = world.names
    let arguments = try names.resolve(step["with"]?.object ?? [:])
    let link = try step["follow"]?.string.map(names.text)
    let operation = (step["follow"] == nil ? step["call"] : step["operation"])?.string ?? ""
    let results = await withTaskGroup(of: Result<Reply, any Error>.self) { group in
        for _ in 0..<(step["together"]?.integer ?? 1) {
            group.addTask {
                await outcome {
                    if let link { return try await handle.follow(operation, link) }
                    return try await handle.send(operation, arguments)
                }
            }
        }
        return await group.reduce(into: []) { $0.append($1) }
    }
    var body = JSONValue.null
    for result in results {
        try judge(step["error"], result)
        guard step["error"] == nil, case .success(let reply) = result else { continue }
        try judge(step["reply"], status: reply.status, body: reply.body, hasNextPage: reply.nextPage != nil, names)
        body = (try? reply.decode()) ?? .null
    }
    if let name = step["name"]?.string { world.names[name] = body }
}

private func outcome<Value>(_ call: () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await call()) } catch { return .failure(error) }
}

private func split(_ text: String, _ names: Names) throws -> (String, String) {
    let blank = try text.firstIndex(of: " ").orThrow("\(text): METHOD address")
    return (String(text[..<blank]), try names.text(String(text[text.index(after: blank)...])))
}

/// Compares a reply with what is expected.
private func judge(
    _ expected: JSONValue?,
    status: Int,
    body: Data,
    hasNextPage: Bool,
    _ names: Names
) throws {
    guard let expected else { return }
    let answer = "in the answer \(status) \(String(decoding: body, as: UTF8.self))"
    if let wanted = expected["status"]?.integer, wanted != status { throw Wrong("the status is another \(answer)") }
    if let empty = expected["empty"]?.boolean, empty != body.isEmpty {
        throw Wrong("the body should be empty, or should not be \(answer)")
    }
    if let wanted = expected["next_page"]?.boolean, wanted != hasNextPage {
        throw Wrong("there should be a next page, or should not be \(answer)")
    }
    if let wanted = expected["body"] {
        let json = (try? JSONDecoder().decode(JSONValue.self, from: body)) ?? .null
        do { try match(names.resolve(wanted), json) } catch { throw Wrong("\(error) \(answer)") }
    }
}

/// Compares an outcome with the error that is expected, or with there being none.
private func judge<Value>(_ expected: JSONValue?, _ result: Result<Value, any Error>) throws {
    switch (expected, result) {
    case (nil, .success): return
    case (nil, .failure(let error)): throw Wrong("it failed: \(String(reflecting: error))")
    case (_?, .success(let value)): throw Wrong("it should fail and came to \(String(reflecting: value))")
    case (let expected?, .failure(let error)):
        guard let error = error as? OrgconnectError else { throw Wrong("it threw \(String(reflecting: error))") }
        func differs(_ what: String) -> Wrong { Wrong("\(what) of \(String(reflecting: error))") }
        guard error.kind.rawValue == expected["kind"]?.string else { throw differs("the kind is another: the kind") }
        if let status = expected["status"], status.integer != error.status { throw differs("the status") }
        if let code = expected["code"], code.string != error.code { throw differs("the code") }
        if let wanted = expected["needs_reauthorization"]?.boolean, wanted != error.needsReauthorization {
            throw differs("needsReauthorization")
        }
        if let wanted = expected["transient"]?.boolean, wanted != error.isTransient { throw differs("isTransient") }
        for (field, key) in expected["fields"]?.object ?? [:] {
            guard error.fields[field]?.contains(where: { $0.key == key.string }) ?? false else {
                throw differs("\(field) should be refused with \(key.text): the fields")
            }
        }
    }
}
