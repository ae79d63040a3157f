package io.github.orgconnect

import io.github.orgconnect.internal.json
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Instant

/** What the models make of the odd. */
class ModelsTest {
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
}
