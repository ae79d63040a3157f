/// A text that must not be seen: it is not printed, compared, hashed or written as JSON. `expose()` hands it out; every
/// use of that is a place to look at in a review.
public struct Secret: Sendable {
    private let text: String

    /// Makes a text one.
    public init(_ text: String) { self.text = text }

    /// The text.
    public func expose() -> String { text }
}

extension Secret: Decodable {
    /// Reads a text.
    public init(from decoder: any Decoder) throws { self.init(try String(from: decoder)) }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Not the text.
    public var description: String { "[secret]" }
    /// Not the text.
    public var debugDescription: String { "[secret]" }
    /// Nothing inside.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
