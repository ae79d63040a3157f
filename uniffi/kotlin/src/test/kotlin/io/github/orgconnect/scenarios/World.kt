package io.github.orgconnect.scenarios

import io.github.orgconnect.AuthorizationRequest
import io.github.orgconnect.Client
import io.github.orgconnect.Connection
import io.github.orgconnect.Handle
import io.github.orgconnect.ManualClock
import io.github.orgconnect.Secret
import io.github.orgconnect.Settings
import io.github.orgconnect.support.REDIRECT_URI
import io.github.orgconnect.support.Sandbox
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import java.time.Duration
import java.time.Instant

/** A sandbox, a client for its application, and what is connected. */
class World private constructor(
    val sandbox: Sandbox,
    val client: Client,
    val names: Names,
    private val clock: ManualClock?,
) : AutoCloseable {
    val connections = mutableMapOf<String, Handle>()
    private val subs = mutableMapOf<String, JsonElement>()

    /** Moves both clocks on. */
    fun advance(seconds: Long) {
        sandbox.control("POST", "/sandbox/clock", buildJsonObject { put("advance_ms", seconds * 1_000) })
        checkNotNull(clock) { "a scenario on the real clock can't move it" }.shift(Duration.ofSeconds(seconds))
    }

    override fun close() {
        client.close()
        sandbox.close()
    }

    private suspend fun connect(
        name: String,
        given: JsonObject,
    ) {
        val (kind, value) = given.entries.single()
        var sub: JsonElement = JsonNull
        val handle: Handle =
            when (kind) {
                "organization" -> {
                    val request = AuthorizationRequest.organization(REDIRECT_URI)
                    val connection = authorize(name, request, value.jsonPrimitive.content)
                    sub = subOf(connection)
                    connection.organization()
                }

                "account" -> {
                    val request = AuthorizationRequest.individual(REDIRECT_URI, scopes(value, "scope"))
                    val delegated = scopes(value, "delegated_scope")
                    val asked = if (delegated.isEmpty()) request else request.delegatedScopes(delegated)
                    val connection = authorize(name, asked, value.text("by"))
                    sub = subOf(connection)
                    connection.account()
                }

                "service_account" -> {
                    val scopes = scopes(value, "scope")
                    val request = AuthorizationRequest.enterprise(REDIRECT_URI, scopes, scopes(value, "delegated_scope"))
                    val connection = authorize(name, request, value.text("by"))
                    sub = subOf(connection)
                    connection.serviceAccount()
                }

                "internal" -> client.internalOrganization()

                "application_calendar" -> {
                    val account = client.applicationCalendar(value.jsonPrimitive.content)
                    val known = sandbox.control("GET", "/sandbox/connections").jsonObject.getValue("connections").jsonArray
                    sub = known.last { it.text("kind") == "application_calendar" }.jsonObject.getValue("sub")
                    account
                }

                "admin" -> {
                    val owner = buildJsonObject { put("organization_id", names.text("\$organizations/${value.jsonPrimitive.content}")) }
                    client.admin(Secret(sandbox.control("POST", "/sandbox/admin_api_keys", owner).text("admin_api_key")))
                }

                else -> error("$kind is no connection")
            }
        connections[name] = handle
        subs[name] = sub
        names.put("connections", JsonObject(subs.toMap()))
    }

    private suspend fun authorize(
        name: String,
        request: AuthorizationRequest,
        approver: String,
    ): Connection {
        val pending = client.authorize(request.connectionId(name))
        return client.complete(pending, sandbox.approve(pending.url, approver))
    }

    /** Service accounts are named by another field of the token reply. */
    private suspend fun subOf(connection: Connection): JsonElement {
        val summary = connection.summary()
        return summary.sub?.let(::JsonPrimitive) ?: summary.extra["service_account_id"] ?: JsonNull
    }

    private fun scopes(
        value: JsonElement,
        field: String,
    ) = value.jsonObject[field]?.jsonPrimitive?.contentOrNull.orEmpty().split(" ").filter { it.isNotEmpty() }

    companion object {
        /** Starts a sandbox and brings it about that everything is as given. */
        suspend fun open(given: JsonObject): World {
            val sandbox = Sandbox(given["seed"]?.jsonPrimitive?.int ?: 7)
            try {
                return open(sandbox, given)
            } catch (failed: Throwable) {
                sandbox.close()
                throw failed
            }
        }

        private suspend fun open(
            sandbox: Sandbox,
            given: JsonObject,
        ): World {
            val now = given["now"]?.jsonPrimitive?.content ?: "2031-03-03T09:00:00Z"
            val clock = if (now == "real") null else ManualClock(Instant.parse(now))
            if (clock != null) sandbox.control("POST", "/sandbox/clock", buildJsonObject { put("freeze_at", now) })
            given["settings"]?.let { sandbox.control("PATCH", "/sandbox/settings", it) }
            val names = Names()
            names.put("sandbox", JsonPrimitive(sandbox.url))
            namePeople(sandbox, names)
            val internalTo = given["application"]?.jsonObject?.get("internal_to")
            val application =
                sandbox.control(
                    "POST",
                    "/sandbox/applications",
                    buildJsonObject {
                        put("name", "Rota")
                        internalTo?.let { put("internal_to", names.text("\$organizations/${it.jsonPrimitive.content}")) }
                    },
                )
            names.put("application", buildJsonObject { put("client_id", application.text("client_id")) })
            val settings = Settings(baseUrl = sandbox.url, clock = clock)
            val client = Client(application.text("client_id"), Secret(application.text("client_secret")), settings)
            val world = World(sandbox, client, names, clock)
            given["connections"]?.jsonObject?.toSortedMap()?.forEach { (name, value) -> world.connect(name, value.jsonObject) }
            given["faults"]?.jsonArray?.forEach { sandbox.control("POST", "/sandbox/faults", names.resolve(it)) }
            sandbox.control("DELETE", "/sandbox/counters")
            return world
        }

        /** `$organizations/<name>` is an id, `$members/<email>` and `$resources/<email>` are `sub`s. */
        private fun namePeople(
            sandbox: Sandbox,
            names: Names,
        ) {
            val ids = mutableMapOf<String, JsonElement>()
            val people = mapOf("members" to mutableMapOf<String, JsonElement>(), "resources" to mutableMapOf())
            val organizations = sandbox.control("GET", "/sandbox/organizations").jsonObject.getValue("organizations").jsonArray
            for (organization in organizations) {
                val id = organization.text("organization_id")
                ids[organization.text("name")] = JsonPrimitive(id)
                for ((kind, subs) in people) {
                    val found = sandbox.control("GET", "/sandbox/organizations/$id/$kind").jsonObject.getValue(kind).jsonArray
                    found.forEach { subs[it.text("email")] = it.jsonObject.getValue("sub") }
                }
            }
            names.put("organizations", JsonObject(ids))
            people.forEach { (kind, subs) -> names.put(kind, JsonObject(subs)) }
        }
    }
}

fun JsonElement.text(field: String): String = jsonObject.getValue(field).jsonPrimitive.content
