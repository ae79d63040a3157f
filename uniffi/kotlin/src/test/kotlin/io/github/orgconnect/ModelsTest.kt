package io.github.orgconnect

import io.github.orgconnect.internal.instantOf
import io.github.orgconnect.internal.json
import io.github.orgconnect.scenarios.Difference
import io.github.orgconnect.scenarios.match
import io.github.orgconnect.support.program
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.serializer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Instant

/** The models, held against every example of the description; and what they make of the odd. */
class ModelsTest {
    @Test
    fun `every example of the description is read and written back`() {
        val described = Json.parseToJsonElement(ProcessBuilder(program("describe").path).start().inputReader().readText())
        val schemas = described.jsonObject.getValue("components").jsonObject.getValue("schemas").jsonObject
        var examples = 0
        val wrong = mutableListOf<String>()
        for ((name, schema) in schemas) {
            val type = if (name == "Pages") "PagePosition" else name
            val serializer = serializerOf("io.github.orgconnect.api.$type") ?: continue
            for (example in schema.jsonObject["examples"]?.jsonArray.orEmpty()) {
                examples++
                try {
                    val value = json.decodeFromJsonElement(serializer, example)
                    val written = json.encodeToJsonElement(serializer, value)
                    match(without(written), without(example))
                    assertEquals(value, json.decodeFromJsonElement(serializer, written), name)
                } catch (failed: Exception) {
                    wrong += "$name: ${failed.message?.take(300)}"
                } catch (failed: Difference) {
                    wrong += "$name: ${failed.message?.take(300)}"
                }
            }
        }
        assertTrue(examples > 100, "$examples examples")
        assertEquals(emptyList<String>(), wrong)
    }

    @Test
    fun `what is not known passes through and what is absent stays so`() {
        val text = """{"transparency":"see-through"}"""
        val value = json.decodeFromString(io.github.orgconnect.api.Transparency.serializer(), "\"see-through\"")
        assertEquals("see-through", value.value)
        assertTrue(value != io.github.orgconnect.api.Transparency.OPAQUE && text.isNotEmpty())
        val time = json.decodeFromString(io.github.orgconnect.api.EventTime.serializer(), "[1]")
        assertTrue(time is io.github.orgconnect.api.EventTime.Other)
        assertEquals("2031-03-03T09:00:00Z", Time.of(Instant.parse("2031-03-03T09:00:00.5Z")).toString())
        assertEquals(null, Time.parse("soon").instant)
        val start = io.github.orgconnect.api.EventTime.of(Instant.parse("2031-03-03T09:00:00Z"))
        val event = io.github.orgconnect.api.UpsertEvent("1", "s", start, start)
        assertEquals(setOf("event_id", "summary", "start", "end"), fields(event).keys)
        assertEquals("null", fields(event.withUrl(null)).getValue("url").toString())
        assertEquals("\"https://x\"", fields(event.withUrl("https://x")).getValue("url").toString())
    }

    private fun fields(event: io.github.orgconnect.api.UpsertEvent) =
        json.encodeToJsonElement(io.github.orgconnect.api.UpsertEvent.serializer(), event).jsonObject

    @Suppress("UNCHECKED_CAST")
    private fun serializerOf(name: String): KSerializer<Any>? =
        try {
            serializer(Class.forName(name)) as KSerializer<Any>
        } catch (_: ClassNotFoundException) {
            null
        }

    /** Null and absent are the same in replies, and so are an instant with and without its offset. */
    private fun without(value: JsonElement): JsonElement =
        when (value) {
            is JsonObject -> JsonObject(value.filterValues { it.toString() != "null" }.mapValues { without(it.value) })
            is JsonArray -> JsonArray(value.map(::without))
            is JsonPrimitive -> instantOf(value.content)?.let { JsonPrimitive("$it") } ?: value
        }
}
