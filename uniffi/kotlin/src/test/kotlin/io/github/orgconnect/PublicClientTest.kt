package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import io.github.orgconnect.support.REDIRECT_URI
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.buildJsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.CopyOnWriteArrayList

/** The door of apps: an authorization that is handed over, and tokens of the backend's. */
class PublicClientTest {
    @Test
    fun `an app hands the authorization over and calls with tokens that its backend hands out`() {
        Clinic().use { backend ->
            runBlocking(Dispatchers.Default) {
                val asked = CopyOnWriteArrayList<Secret?>()
                var connection: Connection? = null
                val source =
                    AccessTokenSource { rejected ->
                        asked += rejected
                        if (rejected != null) connection!!.refresh()
                        AccessToken(connection!!.accessToken())
                    }
                PublicClient(source, Settings(baseUrl = backend.sandbox.url, clock = backend.clock)).use { app ->
                    val pending = backend.client.authorize(AuthorizationRequest.individual(REDIRECT_URI, listOf("read_events")))
                    val handOff = app.handOff(pending.url)
                    val link = backend.sandbox.approve(handOff.url, Clinic.DOC)
                    assertTrue(handOff.isCallback(link) && !handOff.isCallback("https://app.example/settings"))
                    connection = backend.client.complete(pending, handOff.accept(link))

                    List(20) { async { app.account().userinfo.read() } }.awaitAll().forEach { assertEquals(Clinic.DOC, it.email) }
                    assertEquals(listOf<Secret?>(null), asked)
                    backend.sandbox.control("POST", "/sandbox/connections/expire", buildJsonObject { })
                    app.account().userinfo.read()
                    assertEquals(2, asked.size)
                    assertFalse(asked[1] == null)
                }
            }
        }
    }

    @Test
    fun `a link that another app made up is refused`() {
        Clinic().use { backend ->
            runBlocking {
                val app = PublicClient({ throw SignedOutException("nobody is signed in") }, Settings(baseUrl = backend.sandbox.url))
                val handOff = app.handOff(backend.client.authorize(AuthorizationRequest.organization(REDIRECT_URI)).url)
                val forged = failing<OrgconnectException.Authorization> { handOff.accept("$REDIRECT_URI?code=abc&state=guess") }
                assertEquals("state_mismatch", forged.code)
                val foreign = failing<OrgconnectException.Invalid> { app.handOff("https://evil.example/oauth/authorize?state=1") }
                assertTrue("authorization_url" in foreign.fields)
                val signedOut = failing<OrgconnectException.Authorization> { app.account().userinfo.read() }
                assertTrue(signedOut.needsReauthorization)
                val throwing = PublicClient({ error("canary") }, Settings(baseUrl = backend.sandbox.url))
                val down = failing<OrgconnectException.Network> { throwing.account().userinfo.read() }
                assertTrue(down.isTransient && "canary" !in down.stackTraceToString(), down.message)
            }
        }
    }

    @Test
    fun `no constructor and no method of the app's door takes a secret or a refresh token`() {
        val door = listOf(PublicClient::class.java, HandOff::class.java, Settings::class.java, AccessTokenSource::class.java, AccessToken::class.java)
        val signatures = door.flatMap { type -> type.constructors.toList() + type.methods.filter { it.declaringClass == type } }
        val takes = signatures.flatMap { it.parameters.map { parameter -> "${it.name}(${parameter.type.simpleName})" } }
        // The access token that was rejected is the only secret that goes in, and it goes to the app itself.
        val secret = takes.filter { "Secret" in it && "AccessToken" !in it && !it.startsWith("accessToken") && !it.startsWith("copy") }
        assertEquals(emptyList<String>(), secret)
        val fields = Settings::class.java.declaredFields.map { it.name.lowercase() }
        assertTrue(fields.none { "secret" in it || "refresh" in it })
    }
}
