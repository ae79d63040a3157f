// What the README's sign-in button uses of SwiftUI, in shape alone: enough to check its types where there is no SwiftUI.

@_exported import Foundation

public protocol View {
    associatedtype Body: View
    @ViewBuilder @MainActor var body: Body { get }
}

extension Never: View {
    public var body: Never { fatalError("a shape has no body") }
}

@resultBuilder
public enum ViewBuilder {
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
}

public struct Button: View {
    @MainActor public init(_ title: String, action: @escaping @MainActor () -> Void) {}
    public var body: Never { fatalError("a shape has no body") }
}

public struct EnvironmentValues {}

@propertyWrapper
public struct Environment<Value> {
    public init(_ keyPath: KeyPath<EnvironmentValues, Value>) {}
    public var wrappedValue: Value { fatalError("a shape has no value") }
}
