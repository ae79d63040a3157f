package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import io.github.orgconnect.support.Sandbox
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

/** Runs both quickstarts against a sandbox, with the native library that the package brings. */
fun main() {
    check(System.getProperty("jna.library.path") == null && System.getenv("LD_LIBRARY_PATH") == null) { "the library could be another" }
    Sandbox().use { sandbox ->
        val application = sandbox.control("POST", "/sandbox/applications", buildJsonObject { put("name", "Rota") }).jsonObject
        val (id, secret) = listOf("client_id", "client_secret").map { application.getValue(it).jsonPrimitive.content }
        val approve = { url: String -> sandbox.approve(url, Clinic.OWNER) }
        check(Clinic.DOC in runBlocking { Quickstart(sandbox.url, id, secret) { approve(it) }.run() })
        check(Clinic.DOC in JavaQuickstart.run(sandbox.url, id, secret, approve))
    }
    println("both quickstarts ran")
}
