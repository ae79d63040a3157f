package io.github.orgconnect

import io.github.orgconnect.api.EventTime
import io.github.orgconnect.api.UpsertEvent
import java.time.Instant

// What the README shows; QuickstartTest runs it, and sees to it that the two are the same.

internal class Quickstart(
    private val url: String,
    private val clientId: String,
    private val clientSecret: String,
    private val ownerApproves: suspend (String) -> String,
) {
    suspend fun run(): List<String> {
        // README
        val client = Client(clientId, Secret(clientSecret), Settings(baseUrl = url), SqliteStore("tokens.db"))
        // With Cronofy itself: Settings(dataCenter = DataCenter.UK)

        // Send the owner of the organization to pending.url, and keep pending.serialize() in their session.
        val pending = client.authorize(AuthorizationRequest.organization("http://127.0.0.1:9/callback"))
        val callback = ownerApproves(pending.url)

        // State checked, code exchanged, tokens stored.
        val connection = client.complete(client.pending(pending.serialize()), callback)
        val organization = connection.organization()
        organization.members.list().items().collect { member -> println("${member.email} ${member.sub}") }

        // Act as a member.
        val doc = organization.impersonateEmail("doc@example.com")
        val calendar = doc.calendars.list().calendars.first { it.calendarReadonly != true }
        val start = EventTime.of(Instant.parse("2031-03-04T09:00:00Z"))
        val end = EventTime.of(Instant.parse("2031-03-04T09:30:00Z"))
        doc.events.upsert(calendar.calendarId, UpsertEvent("check-up", "Check-up", start, end, description = "Bring nothing"))

        // Another day, another process: tokens refresh by themselves.
        val later = client.organization(connection.id)
        // README
        return later.members.list().all().mapNotNull { it.email }
    }
}
