package io.github.orgconnect.scenarios

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.doubleOrNull
import kotlinx.serialization.json.longOrNull

/** What is otherwise than expected. */
class Difference(
    message: String,
) : Exception(message)

/**
 * Compares what came with what is expected: an object may have more than is expected, everything else must be equal, and an
 * object with a key such as `$matches` says it in another way.
 */
fun match(
    expected: JsonElement,
    found: JsonElement?,
    at: String = "",
) {
    val rule = (expected as? JsonObject)?.entries?.singleOrNull()?.takeIf { it.key.startsWith("$") }
    if (rule != null) return apply(rule.key.drop(1), rule.value, found, at)
    if (found == null) throw Difference("$at: is absent and should be $expected")
    when {
        expected is JsonObject && found is JsonObject ->
            expected.forEach { (key, value) -> match(value, found[key], "$at/$key") }

        expected is JsonArray && found is JsonArray -> {
            if (expected.size != found.size) throw Difference("$at: has ${found.size} items and should have ${expected.size}: $found")
            expected.zip(found).forEachIndexed { index, (wanted, item) -> match(wanted, item, "$at/$index") }
        }

        !same(expected, found) -> throw Difference("$at: is $found and should be $expected")
    }
}

private fun same(
    expected: JsonElement,
    found: JsonElement,
): Boolean {
    if (expected !is JsonPrimitive || found !is JsonPrimitive) return expected == found
    if (isNumber(expected) && isNumber(found)) return expected.doubleOrNull == found.doubleOrNull
    return expected.isString == found.isString && expected.content == found.content
}

private fun isNumber(value: JsonElement) =
    value is JsonPrimitive && value !is JsonNull && !value.isString && value.booleanOrNull == null

private fun apply(
    rule: String,
    operand: JsonElement,
    found: JsonElement?,
    at: String,
) {
    if (rule == "absent") {
        val absent = found == null || found is JsonNull
        if (absent != (operand as JsonPrimitive).boolean) throw Difference("$at: is ${if (absent) "absent" else "there"}")
        return
    }
    if (found == null) throw Difference("$at: is absent")

    fun judge(
        holds: Boolean,
        should: String,
    ) {
        if (!holds) throw Difference("$at: is $found and should $should")
    }

    fun same(wanted: JsonElement, item: JsonElement) =
        try {
            match(wanted, item, at)
            true
        } catch (_: Difference) {
            false
        }

    val items = { found as? JsonArray ?: throw Difference("$at: is no array") }
    val number = { value: JsonElement -> if (isNumber(value)) (value as JsonPrimitive).doubleOrNull else null }
    when (rule) {
        "is" -> judge(kindOf(found) == (operand as JsonPrimitive).content, "be a value of type $operand")

        "matches" -> {
            val pattern = Regex((operand as JsonPrimitive).content)
            judge(found is JsonPrimitive && found.isString && pattern.containsMatchIn(found.content), "match $operand")
        }

        "length" -> {
            val count =
                when {
                    found is JsonArray -> found.size
                    found is JsonPrimitive && found.isString -> found.content.codePointCount(0, found.content.length)
                    else -> throw Difference("$at: has no length")
                }
            match(operand, JsonPrimitive(count), "$at/length")
        }

        "contains" -> (operand as JsonArray).forEach { wanted -> judge(items().any { same(wanted, it) }, "contain $wanted") }

        "lacks" -> judge(items().none { same(operand, it) }, "lack $operand")

        "not" -> judge(!same(operand, found), "not be $operand")

        "exactly" -> {
            match(operand, found, at)
            judge((found as? JsonObject)?.size == (operand as? JsonObject)?.size, "have no more than $operand")
        }

        "at_least" -> judge((number(found) ?: Double.NaN) >= number(operand)!!, "be at least $operand")

        "at_most" -> judge((number(found) ?: Double.NaN) <= number(operand)!!, "be at most $operand")

        else -> throw Difference("$at: \$$rule with $operand is no rule")
    }
}

private fun kindOf(value: JsonElement) =
    when (value) {
        is JsonNull -> "null"

        is JsonArray -> "array"

        is JsonObject -> "object"

        is JsonPrimitive ->
            when {
                value.isString -> "string"
                value.booleanOrNull != null -> "boolean"
                value.longOrNull != null -> "integer"
                else -> "number"
            }
    }
