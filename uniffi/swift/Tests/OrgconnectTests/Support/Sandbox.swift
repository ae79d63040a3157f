import Foundation
import Orgconnect

/// A sandbox of the test's own, in a process that ends with it, and its control API.
final class Sandbox: Sendable {
    let url: String
    let http = Http()
    private let process: Process

    init(seed: Int = 7) throws {
        process = Process()
        process.executableURL = Programs.sandbox
        process.arguments = ["--port", "0", "--seed", String(seed), "--json"]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        var line = Data()
        while line.last != 0x0A {
            let octet = output.fileHandleForReading.readData(ofLength: 1)
            if octet.isEmpty { throw Wrong("the sandbox ended before it said where it is") }
            line += octet
        }
        let said = try JSONDecoder().decode(JSONValue.self, from: line)
        url = try said["url"]?.string.orThrow("the sandbox said no url") ?? ""
    }

    // The threads of Dispatch block signals, and their children inherit that; this one can't be blocked.
    deinit { kill(process.processIdentifier, SIGKILL) }

    /// A call of the control API, which must not be refused.
    @discardableResult
    func control(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        let answer = try await http.send(method, path.hasPrefix("http") ? path : url + path, json: body)
        guard (200..<300).contains(answer.status) else {
            throw Wrong("\(method) \(path): the sandbox answered \(answer.status): \(answer.text)")
        }
        return answer.json
    }

    /// Makes an application, and a client for it with these settings.
    func application(internalTo organization: JSONValue? = nil) async throws -> Application {
        var fields: [String: JSONValue] = ["name": "Rota"]
        fields["internal_to"] = organization
        let created = try await control("POST", "/sandbox/applications", .object(fields))
        return Application(
            clientID: created["client_id"]?.string ?? "",
            clientSecret: created["client_secret"]?.string ?? ""
        )
    }

    /// Approves an authorization as this person, and returns where the browser is sent.
    func approve(_ url: String, as approver: String) async throws -> String {
        let reply = try await control(
            "POST",
            "/sandbox/authorize",
            ["url": .string(url), "approver": .string(approver)]
        )
        return try reply["redirect"]?.string.orThrow("the sandbox sent nobody back") ?? ""
    }

    /// The recorded requests after the one with this number.
    func requests(after number: Int = 0) async throws -> [JSONValue] {
        let reply = try await control("GET", "/sandbox/requests")
        return (reply["requests"]?.array ?? []).filter { ($0["number"]?.integer ?? 0) > number }
    }

    /// The requests to this path, so far.
    func requests(to path: String) async throws -> [JSONValue] {
        try await requests().filter { $0["path"]?.string == path }
    }
}

/// An application of the sandbox.
struct Application {
    let clientID: String
    let clientSecret: String
}

/// The programs that are built beside the package.
enum Programs {
    static var sandbox: URL { folder.appendingPathComponent("orgconnect-sandbox") }
    static var scenarios: URL { folder.appendingPathComponent("scenarios-json") }
    static var appLibrary: URL {
        repository.appendingPathComponent("target/native-app/liborgconnect_uniffi_app.so")
    }
    static var worker: URL { folder.appendingPathComponent("orgconnect-fault-worker") }

    /// The root of the repository.
    static let repository = URL(fileURLWithPath: #filePath).pathComponents.dropLast(6).reduce(
        URL(fileURLWithPath: "/")
    ) { $0.appendingPathComponent($1) }

    private static var folder: URL {
        if let folder = ProcessInfo.processInfo.environment["ORGCONNECT_PROGRAMS"] {
            return URL(fileURLWithPath: folder)
        }
        return repository.appendingPathComponent("target/debug")
    }
}
