package io.github.orgconnect.scenarios

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import java.net.URI
import java.net.URLDecoder

/**
 * What a scenario may refer to: the world's own names, and the replies of earlier steps. `$name/path` is a value,
 * `${name/path}` a part of a text.
 */
class Names {
    private val values = mutableMapOf<String, JsonElement>()

    /** Gives a value a name; a later one takes the place of an earlier one. */
    fun put(
        name: String,
        value: JsonElement,
    ) {
        values[name] = value
    }

    /** The value with every reference replaced by what it refers to. */
    fun resolve(value: JsonElement): JsonElement =
        when (value) {
            is JsonArray -> JsonArray(value.map(::resolve))
            is JsonObject -> resolve(value)
            is JsonPrimitive -> if (value.isString) resolve(value.content) else value
        }

    fun resolve(fields: JsonObject): JsonObject = JsonObject(fields.mapValues { resolve(it.value) })

    /** The same for a text that must stay one. */
    fun text(text: String): String =
        (resolve(text) as? JsonPrimitive)?.takeIf { it.isString }?.content ?: throw Difference("$text should be a text")

    private fun resolve(text: String): JsonElement {
        if (text.startsWith("$$")) return JsonPrimitive(text.drop(1))
        if (text.startsWith("$") && !text.startsWith("\${")) return find(text.drop(1))
        return JsonPrimitive(
            PART.replace(text) { part ->
                val found = find(part.groupValues[1])
                if (found is JsonPrimitive) found.content else found.toString()
            },
        )
    }

    private fun find(reference: String): JsonElement {
        val steps = reference.split("/")
        val value = values[steps.first()] ?: throw Difference("\$$reference: nothing is called ${steps.first()}")
        return steps.drop(1).fold(value) { at, step ->
            descend(at, step) ?: throw Difference("\$$reference: leads nowhere in $value")
        }
    }

    private fun descend(
        value: JsonElement,
        step: String,
    ): JsonElement? =
        when (value) {
            is JsonObject -> value[step]

            is JsonArray -> {
                val field = step.substringBefore("=", "")
                if (field.isEmpty()) {
                    value.getOrNull(step.toInt())
                } else {
                    value.firstOrNull { (it as? JsonObject)?.get(field) == JsonPrimitive(step.substringAfter("=")) }
                }
            }

            is JsonPrimitive ->
                when {
                    step.startsWith("?") -> parameters(URI(value.content).rawQuery.orEmpty())[step.drop(1)]?.let(::JsonPrimitive)
                    step.startsWith("-") -> value.content.split("/").reversed().getOrNull(step.drop(1).toInt() - 1)?.let(::JsonPrimitive)
                    else -> null
                }
        }

    private companion object {
        val PART = Regex("\\$\\{([^}]*)}")
    }
}

/** The parameters of a query. */
fun parameters(query: String): Map<String, String> = pairs(query).toMap()

/** The parameters of a query, every occurrence of each. */
fun pairs(query: String): List<Pair<String, String>> =
    query.split("&").filter { it.isNotEmpty() }.map { part ->
        val decode = { text: String -> URLDecoder.decode(text, Charsets.UTF_8) }
        decode(part.substringBefore("=")) to decode(part.substringAfter("=", ""))
    }
