package io.github.orgconnect

import io.github.orgconnect.api.ReadEvents
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject

/** What an app does, as a program: `tools/test-shrunk` runs it after R8 has taken away what nobody seems to use. */
internal object ShrunkApp {
    @JvmStatic
    fun main(arguments: Array<String>) {
        check(System.getProperty("jna.library.path") == null) { "the library could be another" }
        OwnBackend().use { backend ->
            val source = AccessTokenSource { AccessToken(Secret(backend.accessToken())) }
            PublicClient(source, Settings(baseUrl = backend.url)).use { app -> runBlocking(Dispatchers.Default) { use(app, backend) } }
            val signedOut = PublicClient({ throw SignedOutException("nobody is signed in") }, Settings(baseUrl = backend.url))
            val error = runBlocking { failure { signedOut.account().userinfo.read() } }
            check(error is OrgconnectException.Authorization && error.needsReauthorization) { "$error" }
        }
        println("the shrunk app ran")
    }

    private suspend fun use(
        app: PublicClient,
        backend: OwnBackend,
    ) {
        val handOff = app.handOff(backend.authorizationUrl)
        backend.complete(handOff.accept(backend.approve(handOff.url)))
        val me = app.account()
        coroutineScope {
            List(20) { async { check(me.userinfo.read().email == OwnBackend.DOC) } }.awaitAll()
            launch { me.userinfo.read() }.cancelAndJoin()
        }
        check(me.calendars.list().calendars.isNotEmpty())
        me.events.read(ReadEvents(tzid = "Etc/UTC")).items().collect { event -> checkNotNull(event.eventUid) }
        val refused = failure { me.send("no.such", JsonObject(emptyMap())) }
        check(refused is OrgconnectException.Invalid && "operation" in refused.fields) { "$refused ${(refused as? OrgconnectException)?.fields}" }
    }

    private suspend fun failure(call: suspend () -> Unit): Throwable =
        try {
            call()
            error("it should fail")
        } catch (failed: OrgconnectException) {
            failed
        }
}
