package io.github.orgconnect.scenarios

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import org.yaml.snakeyaml.LoaderOptions
import org.yaml.snakeyaml.Yaml
import org.yaml.snakeyaml.constructor.SafeConstructor
import java.io.File

/** A scenario, as `tests/README.md` describes it. A key that is not there is an error. */
class Scenario(
    file: File,
) {
    private val fields = checked("the scenario", yaml(file).jsonObject, setOf("scenario", "given", "steps"))
    val title: String = (fields.getValue("scenario") as JsonPrimitive).content
    val given: JsonObject = checked("given", fields["given"]?.jsonObject ?: JsonObject(emptyMap()), GIVEN)
    val steps: List<JsonObject> = fields.getValue("steps").jsonArray.map { step(it.jsonObject) }

    private companion object {
        val GIVEN = setOf("seed", "now", "settings", "application", "connections", "faults")
        val VERBS = setOf("call", "follow", "revoke", "control", "visit", "advance", "counters")
        val KEYS = VERBS + setOf("via", "as", "with", "together", "attempts", "name", "operation", "reply", "error", "sent")
        val REPLY = setOf("status", "body", "empty", "next_page")
        val ERROR = setOf("kind", "status", "code", "fields", "needs_reauthorization", "transient")

        fun step(step: JsonObject): JsonObject {
            checked("a step", step, KEYS)
            step["reply"]?.let { checked("reply", it.jsonObject, REPLY) }
            step["error"]?.let { checked("error", it.jsonObject, ERROR) }
            check(step.keys.count { it in VERBS } == 1) { "a step has one verb: $step" }
            return step
        }

        fun checked(
            what: String,
            fields: JsonObject,
            known: Set<String>,
        ): JsonObject {
            val unknown = fields.keys - known
            check(unknown.isEmpty()) { "$what: $unknown is not known" }
            return fields
        }

        fun yaml(file: File): JsonElement = file.reader().use { json(Yaml(SafeConstructor(LoaderOptions())).load(it)) }

        fun json(value: Any?): JsonElement =
            when (value) {
                null -> JsonNull
                is Map<*, *> -> JsonObject(value.entries.associate { "${it.key}" to json(it.value) })
                is List<*> -> JsonArray(value.map(::json))
                is Boolean -> JsonPrimitive(value)
                is Number -> JsonPrimitive(value)
                is String -> JsonPrimitive(value)
                else -> error("$value is no JSON; quote it")
            }
    }
}
