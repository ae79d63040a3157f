// What the README's sign-in button uses of AuthenticationServices, in shape alone.

import SwiftUI

public struct WebAuthenticationSession: Sendable {
    public enum BrowserSession: Sendable { case ephemeral, shared }

    @MainActor public func authenticate(
        using url: URL,
        callback: ASWebAuthenticationSession.Callback,
        preferredBrowserSession: BrowserSession? = nil,
        additionalHeaderFields: [String: String]
    ) async throws -> URL { url }
}

public enum ASWebAuthenticationSession {
    public struct Callback: Sendable {
        public static func https(host: String, path: String) -> Self { Self() }
    }
}

extension EnvironmentValues {
    public var webAuthenticationSession: WebAuthenticationSession { WebAuthenticationSession() }
}
