import Foundation
import OrgconnectAppNative
import OrgconnectCore

/// A client for apps on people's devices, where nothing is secret: it has neither a client secret nor a refresh token, and
/// there is no way to give it one. It calls with access tokens that an ``AccessTokenSource`` hands out, at Cronofy or at a
/// backend of your own that passes calls on.
///
/// What needs a secret (making an authorization URL, exchanging a code, organizations, webhooks) is done by your backend,
/// with the `Client` of `Orgconnect` or of another language.
///
/// ```swift
/// let client = try PublicClient(source: source, baseURL: "https://backend.example")
/// let handOff = try client.handOff(authorizationURL)  // made by the backend; open handOff.url in the system's browser
/// let query = try handOff.accept(callbackURL)  // what came back; send it to the backend, which completes it
///
/// let calendars = try await client.account.calendars.list()
/// ```
public struct PublicClient: Sendable {
    /// The user for whom the source hands out tokens. No I/O.
    public let account: Account
    private let native: NativePublicClient

    /// Checks the settings and makes the client. No I/O but reading certificates.
    ///
    /// - Parameters:
    ///   - source: Hands out access tokens, mostly by asking your backend.
    ///   - dataCenter: The data center in which the application lives. Default `us`.
    ///   - baseURL: A backend of your own, a gateway or a sandbox in place of a data center: an https origin, or http on
    ///     loopback.
    ///   - timeout: The time for a whole call, repetitions included. Default 30 s.
    ///   - connectTimeout: The time to make a connection. Default 5 s.
    ///   - retry: How calls are repeated.
    ///   - rateLimit: Holds requests back to a rate. Default: no limit but what a 429 asks for.
    ///   - maxResponseBytes: The largest answer that is accepted, after decompression. Default 32 MiB.
    ///   - proxy: The proxy for every request. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    ///   - extraCACertificates: Certificate authorities to trust beside the operating system's, in PEM form.
    ///   - userAgentSuffix: The name and version of your app for the `User-Agent`, for example `clinic/2.1`.
    ///   - clock: The clock by which tokens expire. Default: the system's.
    /// - Throws: ``/OrgconnectCore/OrgconnectError/config(_:)``, naming the setting.
    public init(
        source: some AccessTokenSource,
        dataCenter: DataCenter? = nil,
        baseURL: String? = nil,
        timeout: Duration? = nil,
        connectTimeout: Duration? = nil,
        retry: RetryPolicy? = nil,
        rateLimit: RateLimit? = nil,
        maxResponseBytes: UInt64? = nil,
        proxy: String? = nil,
        extraCACertificates: [Data] = [],
        userAgentSuffix: String? = nil,
        clock: ManualClock? = nil
    ) throws {
        let settings = NativeSettings(
            dataCenter: dataCenter,
            baseURL: baseURL,
            timeout: timeout,
            connectTimeout: connectTimeout,
            retry: retry,
            rateLimit: rateLimit,
            maxResponseBytes: maxResponseBytes,
            proxy: proxy,
            extraCACertificates: extraCACertificates,
            userAgentSuffix: userAgentSuffix,
            clock: clock
        )
        native = try calling { try NativePublicClient(source: ForeignSource(source: source), settings: settings) }
        account = try calling { [native] in Account(caller: Caller(try native.account())) }
    }

    /// Takes an authorization URL that the backend made, to be opened in the system's browser. No I/O.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/invalid(_:)``, naming `authorization_url`, if it leads anywhere but to an authorization
    ///   page of Cronofy or of the base URL.
    public func handOff(_ authorizationURL: String) throws -> HandOff {
        try calling { try HandOff(native.handOff(authorizationUrl: authorizationURL)) }
    }
}

extension PublicClient: CustomReflectable {
    /// Nothing inside.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Hands out short-lived access tokens, mostly by asking your own backend, which knows who is signed in.
///
/// It is asked for a token when there is none that is good, and once more when the API refuses one. Calls that need a token
/// at the same time share one question, which goes on to its end even if they are cancelled.
///
/// What it throws should be a ``TokenSourceError``; anything else counts as unavailable, and is not repeated in messages,
/// since it may hold a token.
public protocol AccessTokenSource: Sendable {
    /// A token for the user who is signed in. `rejected` is the token that the API has just refused, if that is why another
    /// is wanted: don't return it again.
    func accessToken(rejected: Secret?) async throws -> AccessToken
}

/// A short-lived access token.
public struct AccessToken: Sendable {
    /// The token itself.
    public let token: Secret
    /// When it ends. Nil: it is used until it is refused.
    public let expiresAt: Date?

    /// A token, and when it ends.
    public init(_ token: Secret, expiresAt: Date? = nil) { (self.token, self.expiresAt) = (token, expiresAt) }
}

/// Why there is no token.
public enum TokenSourceError: Error, Hashable, Sendable {
    /// Nobody is signed in, or no calendar is connected: only the user can mend it. With a sentence that holds no secret.
    case signedOut(String)
    /// The source can't be reached now; a later try may succeed. With a sentence that holds no secret.
    case unavailable(String)
}

/// The host's source as the core calls it.
private final class ForeignSource: NativeAccessTokenSource {
    private let source: any AccessTokenSource

    init(source: any AccessTokenSource) { self.source = source }

    func accessToken(rejected: String?) async throws -> NativeAccessToken {
        do {
            let handed = try await source.accessToken(rejected: rejected.map(Secret.init))
            return NativeAccessToken(token: handed.token.expose(), expiresAtMs: handed.expiresAt?.milliseconds)
        } catch TokenSourceError.signedOut(let detail) {
            throw NativeTokenSourceError.SignedOut(detail: detail)
        } catch TokenSourceError.unavailable(let detail) {
            throw NativeTokenSourceError.Unavailable(detail: detail)
        } catch {
            let what = "the source threw a \(type(of: error)), which is no TokenSourceError"
            throw NativeTokenSourceError.Unavailable(detail: what)
        }
    }
}

/// An authorization URL that your backend made, on its way through an app.
///
/// Open ``url`` in the system's browser (`ASWebAuthenticationSession`; never in a web view of your own), and pass what comes
/// back through the universal link to ``accept(_:)``. The backend keeps the pending authorization and completes it.
public struct HandOff: Sendable {
    /// What to open in the system's browser.
    public let url: String
    /// Where the browser comes back to: a universal link.
    public let redirectURI: String
    private let native: NativeHandOff

    init(_ native: NativeHandOff) throws {
        (self.native, url, redirectURI) = (native, try native.url(), try native.redirectUri())
    }

    /// Whether a link that the app was opened with is a callback, as opposed to any other link.
    public func isCallback(_ link: String) throws -> Bool { try calling { try native.isCallback(link: link) } }

    /// Checks that a callback answers this authorization, and returns what to send to the backend: its query string.
    ///
    /// Other programs of the device can open links, so a callback with another state is refused here, before it costs a
    /// request; the backend checks again. The code in it is of use to the backend alone.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/authorization(_:)`` with the codes `callback_malformed`, `redirect_mismatch`,
    ///   `state_missing`, `state_mismatch`, or Cronofy's, such as `access_denied`.
    public func accept(_ callbackURL: String) throws -> String {
        try calling { try native.accept(callbackUrl: callbackURL) }
    }
}

extension HandOff: CustomReflectable {
    /// The redirect URI alone: the state in the URL is secret until it was used.
    public var customMirror: Mirror { Mirror(self, children: ["redirectURI": redirectURI]) }
}
