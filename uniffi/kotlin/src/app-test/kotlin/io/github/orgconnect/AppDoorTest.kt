package io.github.orgconnect

import com.sun.jna.NativeLibrary
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.lang.reflect.Executable
import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

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

/** What a backend does for its app, by hand: this package can't. */
private class OwnBackend : AutoCloseable {
    private val process: Process =
        ProcessBuilder(File(System.getProperty("orgconnect.target"), "orgconnect-sandbox").path, "--port", "0", "--json")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
    val url: String = text(Json.parseToJsonElement(process.inputReader().readLine() ?: error("the sandbox did not start")), "url")
    private val http = HttpClient.newHttpClient()
    private val application = post("/sandbox/applications", """{"name":"Rota"}""", "application/json")
    private var tokens: JsonElement? = null

    val authorizationUrl: String =
        "$url/oauth/authorize?response_type=code&client_id=${text(application, "client_id")}" +
            "&redirect_uri=${encode(REDIRECT_URI)}&scope=${encode("read_events list_calendars")}&state=of-the-backend"

    fun approve(authorizationUrl: String): String =
        text(post("/sandbox/authorize", """{"url":"$authorizationUrl","approver":"$DOC"}""", "application/json"), "redirect")

    fun complete(callback: String) {
        val code = callback.substringAfter("code=").substringBefore("&")
        val form =
            "client_id=${text(application, "client_id")}&client_secret=${text(application, "client_secret")}" +
                "&grant_type=authorization_code&code=$code&redirect_uri=${encode(REDIRECT_URI)}"
        tokens = post("/oauth/token", form, "application/x-www-form-urlencoded")
    }

    fun accessToken(): String = text(checkNotNull(tokens), "access_token")

    override fun close() {
        process.destroy()
        process.waitFor()
    }

    private fun post(
        path: String,
        body: String,
        type: String,
    ): JsonElement {
        val request = HttpRequest.newBuilder(URI(url + path)).header("content-type", type)
        val response = http.send(request.POST(HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString())
        check(response.statusCode() in 200..299) { "$path: ${response.statusCode()} ${response.body()}" }
        return Json.parseToJsonElement(response.body())
    }

    private fun text(
        value: JsonElement,
        field: String,
    ): String = value.jsonObject.getValue(field).jsonPrimitive.content

    private fun encode(text: String): String = URLEncoder.encode(text, Charsets.UTF_8)

    companion object {
        const val DOC = "doc@example.com"
        private const val REDIRECT_URI = "http://127.0.0.1:9/callback"
    }
}
