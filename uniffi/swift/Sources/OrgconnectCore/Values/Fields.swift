import Foundation

/// Any name of a field.
struct FieldName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// The fields of an object that is read. Null and absent are the same.
struct Fields {
    private let container: KeyedDecodingContainer<FieldName>

    init(_ decoder: any Decoder) throws { container = try decoder.container(keyedBy: FieldName.self) }

    func required<Value: Decodable>(_ name: String) throws -> Value {
        try container.decode(Value.self, forKey: FieldName(name))
    }

    func optional<Value: Decodable>(_ name: String) throws -> Value? {
        try container.decodeIfPresent(Value.self, forKey: FieldName(name))
    }

    /// A list that is promised, and empty where it is missing all the same.
    func list<Value: Decodable>(_ name: String) throws -> [Value] {
        try container.decodeIfPresent([Value].self, forKey: FieldName(name)) ?? []
    }

    /// A field of which null and absent are told apart.
    func nullable<Value: Decodable>(_ name: String) throws -> Nullable<Value> {
        let name = FieldName(name)
        guard container.contains(name) else { return .absent }
        return Nullable(try container.decodeIfPresent(Value.self, forKey: name))
    }

    /// The fields that are not known.
    func others(than known: Set<String>) throws -> [String: JSONValue] {
        var others: [String: JSONValue] = [:]
        for name in container.allKeys where !known.contains(name.stringValue) {
            others[name.stringValue] = try container.decode(JSONValue.self, forKey: name)
        }
        return others
    }
}

/// Writes the fields of an object.
struct FieldWriter {
    private var container: KeyedEncodingContainer<FieldName>

    init(_ encoder: any Encoder) { container = encoder.container(keyedBy: FieldName.self) }

    mutating func write(_ value: some Encodable, _ name: String) throws {
        try container.encode(value, forKey: FieldName(name))
    }

    mutating func writeIfPresent(_ value: (some Encodable)?, _ name: String) throws {
        try container.encodeIfPresent(value, forKey: FieldName(name))
    }

    mutating func writeNullable(_ value: Nullable<some Encodable>, _ name: String) throws {
        switch value {
        case .absent: break
        case .null: try container.encodeNil(forKey: FieldName(name))
        case .value(let value): try container.encode(value, forKey: FieldName(name))
        }
    }

    mutating func writeOthers(_ fields: [String: JSONValue]) throws {
        for (name, value) in fields { try container.encode(value, forKey: FieldName(name)) }
    }
}

/// A value that may be one of several types.
struct Candidate {
    private let decoder: any Decoder

    init(_ decoder: any Decoder) { self.decoder = decoder }

    /// The value as this type, if it is one.
    func read<Value: Decodable>(_ type: Value.Type) -> Value? { try? Value(from: decoder) }

    /// The instant that it is, if it is one.
    func time() -> Date? { read(Time.self)?.date }

    /// Whether it is exactly this.
    func equals<Value: Decodable & Equatable>(_ value: Value) -> Bool { read(Value.self) == value }

    /// Whether it is an object with these fields.
    func has(_ names: String...) -> Bool {
        guard let container = try? decoder.container(keyedBy: FieldName.self) else { return false }
        return names.allSatisfy { container.contains(FieldName($0)) }
    }

    /// Whether it is an object with a field of this value.
    func says<Value: Decodable & Equatable>(_ name: String, _ value: Value) -> Bool {
        guard let container = try? decoder.container(keyedBy: FieldName.self) else { return false }
        return (try? container.decode(Value.self, forKey: FieldName(name))) == value
    }
}
