// What the README leaves to whoever has an app: its backend.

import Foundation

struct Backend: Sendable {
    func authorizationURL() async throws -> String { "" }
    func complete(query: String) async throws {}
    func token() async throws -> (token: String, expiresAt: Date)? { nil }
}
