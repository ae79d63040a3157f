import Foundation
import Orgconnect
import Testing

/// One scenario, as `tests/README.md` describes it. The format itself is checked by the program that prints them.
struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    let title: String
    let given: JSONValue
    let steps: [JSONValue]

    var testDescription: String { name }

    /// All of them, in the order of their names.
    static func all() throws -> [Scenario] {
        let process = Process()
        process.executableURL = Programs.scenarios
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let documents = try JSONDecoder().decode([JSONValue].self, from: text)
        return documents.map { document in
            let scenario = document["scenario"]
            return Scenario(
                name: document["name"]?.string ?? "",
                title: scenario?["scenario"]?.string ?? "",
                given: scenario?["given"] ?? [:],
                steps: scenario?["steps"]?.array ?? []
            )
        }
    }
}

/// Recorded requests as scenarios see them: paths and queries decoded, headers by name, bodies as JSON. All that a step
/// caused are compared, in order.
func compare(_ expected: [JSONValue], _ found: [JSONValue]) throws {
    let seen = found.map(view)
    guard seen.count == expected.count else {
        let lines = seen.map { "\($0["method"]?.text ?? "") \($0["path"]?.text ?? "")" }.joined(separator: ", ")
        throw Wrong("\(seen.count) requests were sent and should be \(expected.count): \(lines)")
    }
    for (number, (expected, seen)) in zip(expected, seen).enumerated() {
        var fields = expected.object ?? [:]
        // A query that is expected is all of the query.
        fields["query"] = fields["query"].map { ["$exactly": $0] }
        do { try match(.object(fields), seen) } catch { throw Wrong("request \(number + 1): \(error)") }
    }
}

private func view(_ recorded: JSONValue) -> JSONValue {
    var seen: [String: JSONValue] = [:]
    for name in ["method", "status", "application", "connection", "impersonated"] { seen[name] = recorded[name] }
    seen["path"] = .string(recorded["path"]?.string?.removingPercentEncoding ?? "")
    let headers = (recorded["headers"]?.array ?? []).compactMap { pair in
        pair[0]?.string.flatMap { name in pair[1].map { (name, $0) } }
    }
    seen["headers"] = .object(Dictionary(headers) { _, last in last })
    let body = recorded["body"]?.string ?? ""
    seen["body"] = (try? JSONDecoder().decode(JSONValue.self, from: Data(body.utf8))) ?? recorded["body"]
    seen["query"] = query(recorded["query"]?.string ?? "")
    return .object(seen)
}

/// Parameters by name; one whose name ends in `[]` is a list.
private func query(_ text: String) -> JSONValue {
    var parameters: [String: JSONValue] = [:]
    for pair in text.split(separator: "&") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let decoded = parts.map { $0.replacingOccurrences(of: "+", with: " ").removingPercentEncoding ?? String($0) }
        let (name, value) = (decoded[0], JSONValue.string(decoded.count > 1 ? decoded[1] : ""))
        if name.hasSuffix("[]") {
            parameters[name] = .array((parameters[name]?.array ?? []) + [value])
        } else {
            parameters[name] = value
        }
    }
    return .object(parameters)
}
