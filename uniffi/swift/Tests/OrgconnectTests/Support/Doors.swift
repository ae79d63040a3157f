import Orgconnect

/// Reaches the server's native library. An app has one door; these tests have both in one process, where the two native
/// libraries share their symbols: what the host implements is asked through the library that was reached last.
func serversDoorComesFirst() throws {
    _ = try WebhookVerifier(clientSecret: "CLIENT_SECRET")
}
