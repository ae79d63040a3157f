package io.github.orgconnect.scenarios

import io.github.orgconnect.Account
import io.github.orgconnect.CallOptions
import io.github.orgconnect.Client
import io.github.orgconnect.Handle
import io.github.orgconnect.Organization
import io.github.orgconnect.OrgconnectException
import io.github.orgconnect.Reply
import io.github.orgconnect.ServiceAccount
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlinx.serialization.json.put
import java.net.URLDecoder

/** Takes a scenario's steps one after the other: makes the calls, and compares what came with what is expected. */
class Runner(
    private val world: World,
) {
    suspend fun run(scenario: Scenario) {
        scenario.steps.forEachIndexed { index, step ->
            try {
                step(step)
            } catch (failed: Difference) {
                throw AssertionError("${scenario.title}: step ${index + 1}: ${failed.message}", failed)
            }
        }
    }

    private suspend fun step(step: JsonObject) {
        // Resolving an e-mail address reads the member list, which is no request of the step's own.
        val handle = if ("call" in step || "follow" in step) handle(step) else null
        val before = world.sandbox.newestRequest()
        when {
            handle != null -> exchange(step, handle)

            "revoke" in step -> judge(step, attempt { world.client.connection(step.text("revoke")).revoke() }) { JsonNull }

            "control" in step -> control(step)

            "visit" in step -> visit(step)

            "advance" in step -> world.advance(step.getValue("advance").jsonPrimitive.long)

            "counters" in step ->
                match(world.names.resolve(step.getValue("counters")), world.sandbox.control("GET", "/sandbox/counters"))
        }
        step["sent"]?.let { expected ->
            compare(expected.jsonArray.map(world.names::resolve), world.sandbox.requestsAfter(before).map(::view))
        }
    }

    private suspend fun handle(step: JsonObject): Handle {
        val via = step.text("via")
        val known = if (via == "client") world.client else world.connections[via] ?: throw Difference("via: nothing is connected as $via")
        val handle =
            step["as"]?.let {
                val member = world.names.text(it.jsonPrimitive.content)
                val organization = known as? Organization ?: throw Difference("as: only an organization acts as a member")
                if ("@" in member) organization.impersonateEmail(member) else organization.impersonate(member)
            } ?: known
        val options = step["attempts"]?.let { CallOptions(attempts = it.jsonPrimitive.int) } ?: return handle
        return when (handle) {
            is Client -> handle.withOptions(options)
            is Organization -> handle.withOptions(options)
            is Account -> handle.withOptions(options)
            is ServiceAccount -> handle.withOptions(options)
            else -> error("$handle is no handle")
        }
    }

    /** Makes a call, or follows a link, as often at a time as the step says. */
    private suspend fun exchange(
        step: JsonObject,
        handle: Handle,
    ) {
        val arguments = world.names.resolve(step["with"]?.jsonObject ?: JsonObject(emptyMap()))
        val link = step["follow"]?.let { world.names.text(it.jsonPrimitive.content) }
        val results =
            coroutineScope {
                List(step["together"]?.jsonPrimitive?.int ?: 1) {
                    async {
                        attempt {
                            if (link == null) handle.send(step.text("call"), arguments) else handle.follow(step.text("operation"), link)
                        }
                    }
                }.awaitAll()
            }
        val bodies = results.map { result -> judge(step, result) { judgeReply(step, it) } }
        step["name"]?.let { world.names.put(it.jsonPrimitive.content, bodies.first()) }
    }

    private suspend fun <T> attempt(call: suspend () -> T): Result<T> =
        try {
            Result.success(call())
        } catch (failed: OrgconnectException) {
            Result.failure(failed)
        }

    private fun <T> judge(
        step: JsonObject,
        result: Result<T>,
        reply: (T) -> JsonElement,
    ): JsonElement {
        val expected = step["error"]?.jsonObject
        val failed = result.exceptionOrNull() as OrgconnectException?
        return when {
            expected == null && failed == null -> reply(result.getOrThrow())
            expected == null -> throw Difference("it failed: $failed ${failed?.code} ${failed?.fields}")
            failed == null -> throw Difference("it should fail and was answered ${result.getOrNull()}")
            else -> JsonNull.also { judgeError(expected, failed) }
        }
    }

    private fun judgeReply(
        step: JsonObject,
        reply: Reply,
    ) = judgeReply(step, reply.status, reply.text(), reply.nextPage != null)

    private fun judgeReply(
        step: JsonObject,
        status: Int,
        text: String,
        nextPage: Boolean,
    ): JsonElement {
        val body =
            try {
                Json.parseToJsonElement(text)
            } catch (_: IllegalArgumentException) {
                JsonNull
            }
        val expected = step["reply"]?.jsonObject ?: return body

        fun differs(what: String): Nothing = throw Difference("$what in the answer $status $text")
        if (expected["status"]?.let { it.jsonPrimitive.int != status } == true) differs("the status is another")
        if (expected["empty"]?.let { it.jsonPrimitive.boolean != text.isEmpty() } == true) differs("the body should be empty, or not")
        if (expected["next_page"]?.let { it.jsonPrimitive.boolean != nextPage } == true) differs("there should be a next page, or not")
        expected["body"]?.let { match(world.names.resolve(it), body) }
        return body
    }

    private fun judgeError(
        expected: JsonObject,
        failed: OrgconnectException,
    ) {
        fun differs(what: String): Nothing = throw Difference("$what of $failed ${failed.kind.id} ${failed.status} ${failed.code} ${failed.fields}")
        if (failed.kind.id != expected.text("kind")) differs("the kind")
        if (expected["status"]?.let { it !is JsonNull && it.jsonPrimitive.int != failed.status } == true) differs("the status")
        if (expected["code"]?.let { it.jsonPrimitive.content != failed.code } == true) differs("the code")
        if (expected["needs_reauthorization"]?.let { it.jsonPrimitive.boolean != failed.needsReauthorization } == true) differs("needs_reauthorization")
        if (expected["transient"]?.let { it.jsonPrimitive.boolean != failed.isTransient } == true) differs("transient")
        expected["fields"]?.jsonObject?.forEach { (field, key) ->
            if (failed.fields[field].orEmpty().none { it.key == key.jsonPrimitive.content }) differs("the complaints about $field")
        }
    }

    private fun control(step: JsonObject) {
        val (method, path) = methodAndAddress(step.text("control"))
        val fields = world.names.resolve(step["with"]?.jsonObject ?: JsonObject(emptyMap()))
        val reply = world.sandbox.control(method, path, fields.takeIf { it.isNotEmpty() })
        judgeReply(step, 200, if (reply is JsonNull) "" else reply.toString(), false)
        step["name"]?.let { world.names.put(it.jsonPrimitive.content, reply) }
    }

    private fun visit(step: JsonObject) {
        val (method, address) = methodAndAddress(step.text("visit"))
        val form = world.names.resolve(step["with"]?.jsonObject ?: JsonObject(emptyMap()))
        val page = world.sandbox.visit(method, address, form.mapValues { it.value.jsonPrimitive.content })
        val seen =
            buildJsonObject {
                put("location", page.location)
                put("text", page.text)
            }
        judgeReply(step, page.status, seen.toString(), false)
        step["name"]?.let { world.names.put(it.jsonPrimitive.content, seen) }
    }

    private fun methodAndAddress(text: String): Pair<String, String> = text.substringBefore(" ") to world.names.text(text.substringAfter(" "))

    /** Compares the requests that a step caused with those that are expected, all of them and in order. */
    private fun compare(
        expected: List<JsonElement>,
        seen: List<JsonObject>,
    ) {
        if (expected.size != seen.size) {
            throw Difference("${seen.size} requests were sent and should be ${expected.size}: ${seen.map { it["path"] }}")
        }
        expected.zip(seen).forEachIndexed { index, (wanted, request) ->
            // A query that is expected is all of the query.
            val strict = wanted.jsonObject.mapValues { (key, value) -> if (key == "query") JsonObject(mapOf("\$exactly" to value)) else value }
            match(JsonObject(strict), request, "request ${index + 1}")
        }
    }

    /** A recorded request as scenarios see it: paths and queries decoded, headers by name, bodies as JSON. */
    private fun view(recorded: JsonObject): JsonObject {
        val body = recorded.getValue("body")
        val parsed =
            try {
                Json.parseToJsonElement(body.jsonPrimitive.content)
            } catch (_: IllegalArgumentException) {
                body
            }
        val query = mutableMapOf<String, JsonElement>()
        for ((name, value) in pairs(recorded.text("query"))) {
            val earlier = query[name] as? JsonArray ?: JsonArray(emptyList())
            query[name] = if (name.endsWith("[]")) JsonArray(earlier + JsonPrimitive(value)) else JsonPrimitive(value)
        }
        val headers = recorded.getValue("headers").jsonArray.associate { it.jsonArray[0].jsonPrimitive.content to it.jsonArray[1] }
        val path = URLDecoder.decode(recorded.text("path").replace("+", "%2B"), Charsets.UTF_8)
        return JsonObject(
            recorded +
                mapOf(
                    "path" to JsonPrimitive(path),
                    "query" to JsonObject(query),
                    "headers" to JsonObject(headers),
                    "body" to parsed,
                ),
        )
    }
}
