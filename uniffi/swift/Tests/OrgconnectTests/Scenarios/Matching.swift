import Foundation
import Orgconnect

/// Compares what came with what is expected: an object may have more than is expected, everything else must be equal, and an
/// object with a key such as `$matches` says it in another way.
func match(_ expected: JSONValue, _ found: JSONValue?, at place: String = "") throws {
    if case .object(let fields) = expected, fields.count == 1, let (key, operand) = fields.first, key.hasPrefix("$") {
        return try apply(String(key.dropFirst()), operand, found, at: place)
    }
    guard let found else { throw Wrong("\(place): is absent and should be \(expected.json)") }
    switch (expected, found) {
    case (.object(let expected), .object(let found)):
        for (key, value) in expected { try match(value, found[key], at: "\(place)/\(key)") }
    case (.array(let expected), .array(let items)):
        guard expected.count == items.count else {
            let counts = "has \(items.count) items and should have \(expected.count)"
            throw Wrong("\(place): \(counts): \(found.json)")
        }
        for (index, (value, item)) in zip(expected, items).enumerated() {
            try match(value, item, at: "\(place)/\(index)")
        }
    default:
        let same = expected == found || expected.number != nil && expected.number == found.number
        guard same else { throw Wrong("\(place): is \(found.json) and should be \(expected.json)") }
    }
}

private func apply(_ rule: String, _ operand: JSONValue, _ found: JSONValue?, at place: String) throws {
    if rule == "absent" {
        let isAbsent = found == nil || found == .null
        let wanted = try operand.boolean.orThrow("$absent takes true or false")
        guard isAbsent == wanted else { throw Wrong("\(place): is \(isAbsent ? "absent" : "there")") }
        return
    }
    guard let found else { throw Wrong("\(place): is absent") }
    func judge(_ holds: Bool, _ should: String) throws {
        guard holds else { throw Wrong("\(place): is \(found.json) and should \(should)") }
    }
    func holds(_ expected: JSONValue, _ found: JSONValue) -> Bool { (try? match(expected, found)) != nil }
    switch (rule, operand) {
    case ("is", .string(let kind)):
        try judge(found.kind == kind, "be a value of type \(kind)")
    case ("matches", .string(let pattern)):
        let regex = try Regex(pattern)
        try judge(found.string?.firstMatch(of: regex) != nil, "match \(pattern)")
    case ("length", let length):
        let count = found.array?.count ?? found.string?.unicodeScalars.count
        try match(length, .integer(try count.orThrow("\(place): has no length")), at: "\(place)/length")
    case ("contains", .array(let wanted)):
        let items = try found.array.orThrow("\(place): is no array")
        for wanted in wanted { try judge(items.contains { holds(wanted, $0) }, "contain \(wanted.json)") }
    case ("lacks", let wanted):
        let items = try found.array.orThrow("\(place): is no array")
        try judge(!items.contains { holds(wanted, $0) }, "lack \(wanted.json)")
    case ("not", let wanted):
        try judge(!holds(wanted, found), "not be \(wanted.json)")
    case ("exactly", let wanted):
        try match(wanted, found, at: place)
        try judge(found.object?.count == wanted.object?.count, "have no more than \(wanted.json)")
    case ("at_least", let least) where least.number != nil:
        try judge(found.number.map { $0 >= least.number ?? 0 } ?? false, "be at least \(least.json)")
    case ("at_most", let most) where most.number != nil:
        try judge(found.number.map { $0 <= most.number ?? 0 } ?? false, "be at most \(most.json)")
    default:
        throw Wrong("\(place): $\(rule) with \(operand.json) is no rule")
    }
}

extension JSONValue {
    fileprivate var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
