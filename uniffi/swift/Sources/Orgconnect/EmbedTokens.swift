import Foundation
import OrgconnectCore
import OrgconnectNative

/// Signs embed tokens with the key pair of an embed: the short-lived JSON Web Tokens with which a page of yours loads
/// Cronofy's embedded scheduler for one of your users. Signed here; nothing is sent.
///
/// ```swift
/// let tokens = try EmbedTokens(publicKey: publicKey, secret: secret)
/// let token = try tokens.sign(["sub": "user-7"])
/// ```
public struct EmbedTokens: Sendable {
    private let native: NativeEmbedTokens

    /// Takes the embed's public key (`EMB_…`) and its secret (`ESK_…`), and how long tokens live: at most 24 hours. Default
    /// 4 hours.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/config(_:)`` if one is not what it should be; swapping them is noticed.
    public init(publicKey: String, secret: String, lifetime: Duration? = nil) throws {
        native = try calling {
            try NativeEmbedTokens(publicKey: publicKey, secret: secret, lifetimeMs: lifetime?.milliseconds)
        }
    }

    /// Signs a token that carries these claims about the user, beside `iss`, `iat`, `exp`, `aud` and `jti`.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/invalid(_:)``, naming the claim, if it is one of those.
    public func sign(_ claims: [String: JSONValue], clock: ManualClock? = nil) throws -> Secret {
        let claims = try JSONEncoder().encode(claims)
        return Secret(try calling { try native.sign(claims: claims, clock: clock?.native) })
    }
}

extension EmbedTokens: CustomReflectable {
    /// Nothing inside.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
