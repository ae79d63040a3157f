package io.github.orgconnect

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.io.File
import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** What a backend does for its app, by hand: this package can't. */
internal class OwnBackend : AutoCloseable {
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
