import Foundation

/// A Cronofy data center. An application lives in exactly one.
public enum DataCenter: String, Sendable, CaseIterable {
    /// United States: `api.cronofy.com`.
    case us
    /// Germany: `api-de.cronofy.com`.
    case de
    /// United Kingdom: `api-uk.cronofy.com`.
    case uk
    /// Australia: `api-au.cronofy.com`.
    case au
    /// Canada: `api-ca.cronofy.com`.
    case ca
    /// Singapore: `api-sg.cronofy.com`.
    case sg
}

/// How calls are repeated. What is left out has the default.
public struct RetryPolicy: Hashable, Sendable {
    /// How often a call is sent at the most, the first time included. Default 3; 1 switches repeating off.
    public var attempts: UInt32?
    /// The longest pause before the second attempt; it doubles with each further one. Default 100 ms.
    public var baseDelay: Duration?
    /// The longest pause before any attempt. Default 5 s.
    public var maxDelay: Duration?

    /// Makes a policy.
    public init(attempts: UInt32? = nil, baseDelay: Duration? = nil, maxDelay: Duration? = nil) {
        self.attempts = attempts
        self.baseDelay = baseDelay
        self.maxDelay = maxDelay
    }
}

/// How many requests a client sends. Shared by everything that uses the same client.
public struct RateLimit: Hashable, Sendable {
    /// At most this many in a second.
    public var perSecond: UInt32
    /// At most this many in a minute.
    public var perMinute: UInt32

    /// Makes a limit.
    public init(perSecond: UInt32, perMinute: UInt32) { (self.perSecond, self.perMinute) = (perSecond, perMinute) }

    /// What Cronofy allows an application by default: 50 a second and 500 a minute.
    public static let cronofy = Self(perSecond: 50, perMinute: 500)
}

extension Duration {
    /// In whole milliseconds; nothing below zero.
    package var milliseconds: UInt64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return seconds < 0 ? 0 : UInt64(Int64.max) }
        return UInt64(clamping: product) + UInt64(clamping: attoseconds / 1_000_000_000_000_000)
    }
}

extension Date {
    /// From milliseconds since 1970.
    package init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1_000) }

    /// In milliseconds since 1970.
    package var milliseconds: Int64 { Int64((timeIntervalSince1970 * 1_000).rounded()) }
}

/// Reads the text of a JSON object that the core has written.
package func object(_ text: String) -> [String: JSONValue] {
    (try? JSONDecoder().decode([String: JSONValue].self, from: Data(text.utf8))) ?? [:]
}
