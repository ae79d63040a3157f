package io.github.orgconnect

import com.sun.jna.NativeLibrary
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.lang.reflect.Executable

/** The package for apps: it calls with the tokens of a backend, and there is no way to give it a secret. */
class AppDoorTest {
    @Test
    fun `an app hands an authorization over and calls with the tokens of its backend`() {
        OwnBackend().use { backend ->
            runBlocking {
                val asked = mutableListOf<Secret?>()
                val source = AccessTokenSource { rejected -> AccessToken(Secret(backend.accessToken())).also { asked += rejected } }
                PublicClient(source, Settings(baseUrl = backend.url)).use { app ->
                    val handOff = app.handOff(backend.authorizationUrl)
                    val link = backend.approve(handOff.url)
                    assertTrue(handOff.isCallback(link))
                    backend.complete(handOff.accept(link))
                    val me = app.account()
                    assertEquals(OwnBackend.DOC, me.userinfo.read().email)
                    assertTrue(me.calendars.list().calendars.isNotEmpty())
                    val refused = assertThrows(OrgconnectException.Invalid::class.java) { runBlocking { me.send("no.such", EMPTY) } }
                    assertFalse(backend.accessToken() in refused.stackTraceToString())
                    assertEquals(listOf<Secret?>(null), asked)
                }
                val signedOut = PublicClient({ throw SignedOutException("nobody is signed in") }, Settings(baseUrl = backend.url))
                val error = assertThrows(OrgconnectException.Authorization::class.java) { runBlocking { signedOut.account().userinfo.read() } }
                assertTrue(error.needsReauthorization)
            }
        }
    }

    @Test
    fun `nothing in the package takes a client secret or a refresh token`() {
        for (absent in listOf("Client", "Connection", "SealedStore", "WebhookVerifier", "EmbedTokens", "ffi.NativeClient", "ffi.NativeApplication")) {
            assertThrows(ClassNotFoundException::class.java) { Class.forName("io.github.orgconnect.$absent") }
        }
        val root = File(PublicClient::class.java.protectionDomain.codeSource.location.toURI())
        val types =
            root
                .walk()
                .filter { it.extension == "class" && "api" !in it.relativeTo(root).path.split(File.separator) }
                .map { Class.forName(it.relativeTo(root).path.removeSuffix(".class").replace(File.separatorChar, '.')) }
                .toList()
        assertTrue(types.any { it.simpleName == "PublicClient" }, "$root")
        val signatures = types.flatMap { type -> type.declaredConstructors.toList<Executable>() + type.declaredMethods }
        val words = listOf("client_secret", "clientsecret", "refresh_token", "refreshtoken")
        val names = signatures.map { it.name.lowercase() } + types.flatMap { type -> type.declaredFields.map { it.name.lowercase() } }
        assertEquals(emptyList<String>(), names.filter { name -> words.any { it in name } })
    }

    @Test
    fun `the library has no function of the other door`() {
        val library = NativeLibrary.getInstance("orgconnect_uniffi_app")
        library.getFunction("uniffi_orgconnect_uniffi_fn_constructor_nativepublicclient_new")
        for (absent in listOf("constructor_nativeclient_new", "constructor_nativestore_memory", "constructor_nativeverifier_new")) {
            assertThrows(UnsatisfiedLinkError::class.java) { library.getFunction("uniffi_orgconnect_uniffi_fn_$absent") }
        }
    }

    private companion object {
        val EMPTY = kotlinx.serialization.json.JsonObject(emptyMap())
    }
}
