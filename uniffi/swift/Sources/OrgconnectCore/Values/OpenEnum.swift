/// A text that is mostly one of those that are known today. Others pass through as they are, and can be written as
/// literals.
public protocol OpenEnum: RawRepresentable<String>, Codable, Hashable, Sendable, CustomStringConvertible,
    ExpressibleByStringLiteral
{
    /// Makes one of the value as Cronofy writes it.
    init(rawValue: String)
}

extension OpenEnum {
    /// Makes one of the value as Cronofy writes it.
    public init(stringLiteral value: String) { self.init(rawValue: value) }

    /// The value as Cronofy writes it.
    public var description: String { rawValue }

    /// Reads a text.
    public init(from decoder: any Decoder) throws {
        self.init(rawValue: try String(from: decoder))
    }

    /// Writes the text.
    public func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }
}
