import Foundation
import Orgconnect

/// Reaches the server's native library. An app has one door; these tests have both in one process, where the two native
/// libraries share their symbols: what the host implements is asked through the library that was reached last.
func serversDoorComesFirst() throws {
    _ = try WebhookVerifier(clientSecret: "CLIENT_SECRET")
}

/// The numbers of the faults to survive: those of every run, or the full ones, under `ORGCONNECT_FAULTS=full`.
func times(_ quick: Int, full: Int) -> Int {
    ProcessInfo.processInfo.environment["ORGCONNECT_FAULTS"] == "full" ? full : quick
}
