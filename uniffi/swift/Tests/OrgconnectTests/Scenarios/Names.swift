import Foundation
import Orgconnect

/// What a scenario may refer to: the world's own names, and the replies of earlier steps. `$name/path` is a value,
/// `${name/path}` a part of a text.
struct Names {
    private var values: [String: JSONValue] = [:]

    /// Gives a value a name; a later one takes the place of an earlier one.
    subscript(name: String) -> JSONValue? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// The value with every reference replaced by what it refers to.
    func resolve(_ value: JSONValue) throws -> JSONValue {
        switch value {
        case .string(let text): try resolve(text)
        case .array(let items): .array(try items.map(resolve))
        case .object(let fields): .object(try fields.mapValues(resolve))
        default: value
        }
    }

    /// The same for the values of an object.
    func resolve(_ fields: [String: JSONValue]) throws -> [String: JSONValue] { try fields.mapValues(resolve) }

    /// The same for a text that must stay one.
    func text(_ text: String) throws -> String {
        let value = try resolve(text)
        return try value.string.orThrow("\(text) is \(value.json) and should be a text")
    }

    private func resolve(_ text: String) throws -> JSONValue {
        if text.hasPrefix("$$") { return .string(String(text.dropFirst())) }
        if text.hasPrefix("$"), !text.hasPrefix("${") { return try find(String(text.dropFirst())) }
        var rest = text[...]
        var whole = ""
        while let open = rest.range(of: "${") {
            whole += rest[..<open.lowerBound]
            let close = try rest[open.upperBound...].firstIndex(of: "}").orThrow("\(text): a brace is not closed")
            whole += try find(String(rest[open.upperBound..<close])).text
            rest = rest[rest.index(after: close)...]
        }
        return .string(whole + rest)
    }

    private func find(_ reference: String) throws -> JSONValue {
        let steps = reference.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let value = try values[steps[0]].orThrow("$\(reference): nothing is called \(steps[0])")
        let found = steps.dropFirst().reduce(Optional(value)) { value, step in value.flatMap { descend($0, step) } }
        return try found.orThrow("$\(reference): leads nowhere in \(value.json)")
    }
}

/// One step down: the field of an object; the item of an array by its index or by the text of one of its fields; of an
/// address a segment, counted from its end, or a parameter.
private func descend(_ value: JSONValue, _ step: String) -> JSONValue? {
    switch value {
    case .object(let fields):
        return fields[step]
    case .array(let items):
        guard let equals = step.firstIndex(of: "=") else { return Int(step).flatMap { value[$0] } }
        let wanted = JSONValue.string(String(step[step.index(after: equals)...]))
        return items.first { $0[String(step[..<equals])] == wanted }
    case .string(let text):
        if step.hasPrefix("?") {
            let items = URLComponents(string: text)?.queryItems
            return items?.first { $0.name == step.dropFirst() }?.value.map { .string($0) }
        }
        guard step.hasPrefix("-"), let fromTheEnd = Int(step.dropFirst()), fromTheEnd > 0 else { return nil }
        let segments = text.split(separator: "/", omittingEmptySubsequences: false)
        return fromTheEnd <= segments.count ? .string(String(segments[segments.count - fromTheEnd])) : nil
    default:
        return nil
    }
}
