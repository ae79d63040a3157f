import Foundation
import OrgconnectCore
import OrgconnectNative

/// Refreshes connections before they end. Made by ``Client/refresher(ahead:hotFor:interval:concurrency:)``.
///
/// Run it in one process or in many, on one machine or on many: on PostgreSQL and Redis each claims other connections, and
/// in the other stores the processes of one machine do. A connection that nobody has used for a while is left to whoever
/// wants it next, so that the work grows with what is in use and not with what is stored.
///
/// ```swift
/// let refresher = try client.refresher(concurrency: 8)
/// try refresher.start()
/// // … the program's life …
/// let done = try await refresher.stop()
/// ```
///
/// One that nobody holds any more stops as soon as it can, without being waited for.
public final class Refresher: Sendable {
    private let native: NativeRefresher

    init(_ native: NativeRefresher) { self.native = native }

    /// Begins to work in the background. One that is at work already goes on as it is. Writes the token store.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/config(_:)``, naming the setting.
    public func start() throws { try calling { try native.start() } }

    /// What it has done so far.
    public func stats() throws -> RefresherStats { RefresherStats(try calling { try native.stats() }) }

    /// Stops it: nothing more is claimed, what is under way is waited for.
    @discardableResult public func stop() async throws -> RefresherStats {
        RefresherStats(try await calling { cancel in try await native.stop(cancel: cancel) })
    }

    /// Makes one round and says what was done. Writes the token store. For programs that are started now and then.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/config(_:)``, naming the setting, and ``/OrgconnectCore/OrgconnectError/store(_:)`` if the store fails.
    ///   Refreshes that fail are counted.
    public func runOnce() async throws -> RefresherStats {
        RefresherStats(try await calling { cancel in try await native.runOnce(cancel: cancel) })
    }
}

/// What a ``Refresher`` has done.
public struct RefresherStats: Hashable, Sendable {
    /// Rounds that were made.
    public let rounds: Int
    /// Records that were claimed.
    public let claimed: Int
    /// Connections that have a new token.
    public let refreshed: Int
    /// Connections that were good for long enough still.
    public let fresh: Int
    /// Connections that were let rest, since nobody has used them for long.
    public let resting: Int
    /// Connections that were not in use any more, or whose grant turned out to be gone.
    public let ended: Int
    /// Refreshes that failed and may succeed later.
    public let failed: Int
    /// Rounds that were cut short because a 429 asked for a pause.
    public let paused: Int
    /// Rounds that were cut short because the store failed.
    public let storeFailures: Int

    init(_ done: NativeRefresherStats) {
        rounds = Int(done.rounds)
        claimed = Int(done.claimed)
        refreshed = Int(done.refreshed)
        fresh = Int(done.fresh)
        resting = Int(done.resting)
        ended = Int(done.ended)
        failed = Int(done.failed)
        paused = Int(done.paused)
        storeFailures = Int(done.storeFailures)
    }
}
