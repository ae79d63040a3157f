/// A field that can be left as it is, removed, or set.
///
/// ```swift
/// UpsertEvent(eventID: "check-up", url: "https://app.example/check-up")  // set
/// UpsertEvent(eventID: "check-up", url: .null)  // removed
/// UpsertEvent(eventID: "check-up")  // left as it is
/// ```
public enum Nullable<Value> {
    /// Not sent: it stays as it is.
    case absent
    /// Sent as null: it is removed.
    case null
    /// Set to this.
    case value(Value)

    /// Sets it to the value, or removes it where there is none.
    public init(_ value: Value?) {
        self = value.map(Self.value) ?? .null
    }

    /// The value, if there is one.
    public var value: Value? {
        if case .value(let value) = self { value } else { nil }
    }

    /// Whether it is not sent.
    public var isAbsent: Bool {
        if case .absent = self { true } else { false }
    }
}

extension Nullable: Sendable where Value: Sendable {}
extension Nullable: Equatable where Value: Equatable {}
extension Nullable: Hashable where Value: Hashable {}

extension Nullable: ExpressibleByUnicodeScalarLiteral where Value: ExpressibleByUnicodeScalarLiteral {
    /// Set to this text.
    public init(unicodeScalarLiteral value: Value.UnicodeScalarLiteralType) {
        self = .value(Value(unicodeScalarLiteral: value))
    }
}

extension Nullable: ExpressibleByExtendedGraphemeClusterLiteral
where Value: ExpressibleByExtendedGraphemeClusterLiteral {
    /// Set to this text.
    public init(extendedGraphemeClusterLiteral value: Value.ExtendedGraphemeClusterLiteralType) {
        self = .value(Value(extendedGraphemeClusterLiteral: value))
    }
}

extension Nullable: ExpressibleByStringLiteral where Value: ExpressibleByStringLiteral {
    /// Set to this text.
    public init(stringLiteral value: Value.StringLiteralType) { self = .value(Value(stringLiteral: value)) }
}

extension Nullable: ExpressibleByIntegerLiteral where Value: ExpressibleByIntegerLiteral {
    /// Set to this number.
    public init(integerLiteral value: Value.IntegerLiteralType) { self = .value(Value(integerLiteral: value)) }
}

extension Nullable: ExpressibleByBooleanLiteral where Value: ExpressibleByBooleanLiteral {
    /// Set to this.
    public init(booleanLiteral value: Value.BooleanLiteralType) { self = .value(Value(booleanLiteral: value)) }
}
