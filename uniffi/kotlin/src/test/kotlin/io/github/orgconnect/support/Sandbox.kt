package io.github.orgconnect.support

import io.github.orgconnect.AuthorizationRequest
import io.github.orgconnect.Client
import io.github.orgconnect.Connection
import io.github.orgconnect.ManualClock
import io.github.orgconnect.Secret
import io.github.orgconnect.Settings
import io.github.orgconnect.Store
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import java.io.File
import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.time.Duration
import java.time.Instant

/** Where the browser is sent back to; nothing listens there. */
const val REDIRECT_URI = "http://127.0.0.1:9/callback"

/** What an HTTP call outside the client came to. */
class Page(
    val status: Int,
    val location: String?,
    val text: String,
) {
    fun json(): JsonElement =
        try {
            Json.parseToJsonElement(text)
        } catch (_: IllegalArgumentException) {
            JsonNull
        }
}

/** A program of the repository, as cargo has built it. */
fun program(name: String): File =
    File(System.getProperty("orgconnect.target"), name).also {
        check(it.canExecute()) { "$it is missing; run `cargo build -p orgconnect-sandbox -p orgconnect-tests --bins`" }
    }

/** A sandbox in a process of its own, driven by its control API. */
class Sandbox(
    seed: Int = 7,
) : AutoCloseable {
    private val process: Process =
        ProcessBuilder(program("orgconnect-sandbox").path, "--port", "0", "--seed", "$seed", "--json")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
    private val http =
        HttpClient
            .newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build()

    val url: String =
        Json
            .parseToJsonElement(process.inputReader().readLine() ?: error("the sandbox did not start"))
            .jsonObject
            .getValue("url")
            .jsonPrimitive.content

    /** A call of the control API, which must not be refused. */
    fun control(
        method: String,
        path: String,
        body: JsonElement? = null,
    ): JsonElement {
        val request = HttpRequest.newBuilder(URI(address(path)))
        if (body == null) {
            request.method(method, HttpRequest.BodyPublishers.noBody())
        } else {
            request.header("content-type", "application/json")
            request.method(method, HttpRequest.BodyPublishers.ofString(body.toString()))
        }
        val page = send(request.build())
        check(page.status in 200..299) { "the sandbox answered ${page.status}: ${page.text}" }
        return page.json()
    }

    /** What a person's browser does with an address, and with the fields of a form. */
    fun visit(
        method: String,
        address: String,
        form: Map<String, String> = emptyMap(),
    ): Page {
        val request = HttpRequest.newBuilder(URI(address(address))).header("accept", "text/html")
        if (method == "POST") {
            // Browsers say where a form comes from, and the sandbox takes forms of its own pages only.
            request.header("origin", url).header("content-type", "application/x-www-form-urlencoded")
            val encode = { text: String -> URLEncoder.encode(text, Charsets.UTF_8) }
            val body = form.entries.joinToString("&") { "${encode(it.key)}=${encode(it.value)}" }
            request.method(method, HttpRequest.BodyPublishers.ofString(body))
        } else {
            request.method(method, HttpRequest.BodyPublishers.noBody())
        }
        return send(request.build())
    }

    fun requestsAfter(number: Long): List<JsonObject> =
        control("GET", "/sandbox/requests")
            .jsonObject
            .getValue("requests")
            .jsonArray
            .map { it.jsonObject }
            .filter { it.getValue("number").jsonPrimitive.content.toLong() > number }

    fun newestRequest(): Long = requestsAfter(0).lastOrNull()?.getValue("number")?.jsonPrimitive?.content?.toLong() ?: 0

    /** How many token requests with a refresh token have come. */
    fun refreshes(): Int =
        control("GET", "/sandbox/counters")
            .jsonObject
            .getValue("token_requests")
            .jsonObject["refresh_token"]
            ?.jsonPrimitive
            ?.int ?: 0

    fun patch(settings: JsonObjectBuilder.() -> Unit) {
        control("PATCH", "/sandbox/settings", buildJsonObject(settings))
    }

    fun fault(fault: JsonObjectBuilder.() -> Unit) {
        control("POST", "/sandbox/faults", buildJsonObject(fault))
    }

    fun approve(
        authorizationUrl: String,
        approver: String,
    ): String {
        val decision =
            buildJsonObject {
                put("url", authorizationUrl)
                put("approver", approver)
            }
        return control("POST", "/sandbox/authorize", decision)
            .jsonObject
            .getValue("redirect")
            .jsonPrimitive.content
    }

    fun address(path: String): String = if (path.startsWith("http")) path else url + path

    private fun send(request: HttpRequest): Page {
        val response = http.send(request, HttpResponse.BodyHandlers.ofString())
        return Page(response.statusCode(), response.headers().firstValue("location").orElse(null), response.body())
    }

    override fun close() {
        process.destroy()
        process.waitFor()
    }
}

/** An application in a sandbox, and a clinic that is connected to it. */
class Clinic(
    store: Store? = null,
    seed: Int = 7,
    settings: (String, ManualClock) -> Settings = { url, clock -> Settings(baseUrl = url, clock = clock) },
) : AutoCloseable {
    val sandbox = Sandbox(seed)
    val clock = ManualClock(START)
    private val application: JsonObject
    val client: Client

    init {
        sandbox.control("POST", "/sandbox/clock", buildJsonObject { put("freeze_at", START.toString()) })
        application = sandbox.control("POST", "/sandbox/applications", buildJsonObject { put("name", "Rota") }).jsonObject
        client = Client(clientId, clientSecret, settings(sandbox.url, clock), store)
    }

    val clientId: String get() = application.getValue("client_id").jsonPrimitive.content
    val clientSecret: Secret get() = Secret(application.getValue("client_secret").jsonPrimitive.content)

    suspend fun connect(): Connection {
        val pending = client.authorize(AuthorizationRequest.organization(REDIRECT_URI).connectionId("clinic"))
        return client.complete(pending, sandbox.approve(pending.url, OWNER))
    }

    /** A refresh token that another program of the application has obtained. */
    fun refreshTokenOfAnotherProgram(): Secret {
        val pending = client.authorize(AuthorizationRequest.organization(REDIRECT_URI))
        val code = sandbox.approve(pending.url, OWNER).substringAfter("code=").substringBefore("&")
        val exchange =
            buildJsonObject {
                put("client_id", clientId)
                put("client_secret", clientSecret.expose())
                put("grant_type", "authorization_code")
                put("code", code)
                put("redirect_uri", REDIRECT_URI)
            }
        val tokens = sandbox.control("POST", "/oauth/token", exchange).jsonObject
        return Secret(tokens.getValue("refresh_token").jsonPrimitive.content)
    }

    fun advance(by: Duration) {
        sandbox.control("POST", "/sandbox/clock", buildJsonObject { put("advance_ms", by.toMillis()) })
        clock.shift(by)
    }

    override fun close() {
        client.close()
        sandbox.close()
    }

    companion object {
        const val OWNER = "owner@example.com"
        const val DOC = "doc@example.com"
        val START: Instant = Instant.parse("2031-03-03T09:00:00Z")
    }
}
