package io.github.orgconnect

// What the README shows for servers; QuickstartTest runs it, and sees to it that the two are the same.

internal class Serving(
    private val tokenStore: String,
    private val clientId: String,
    private val clientSecret: Secret,
    private val serve: suspend (Client) -> Unit,
) {
    suspend fun run() {
        // README
        // TOKEN_STORE, for example postgres://user:password@host/database?key=env:TOKEN_KEY
        val store = Store.open(tokenStore)
        val client = Client(clientId, clientSecret, Settings(dataCenter = DataCenter.UK), store, requireEncryption = true)

        // Whoever calls next finds a token that is good; run it in one process or in all.
        client.refresher().start().use { serve(client) }

        // Before a program ends: nothing is left that was not stored.
        client.settle()
        // README
    }
}
