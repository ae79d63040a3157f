package io.github.orgconnect

import io.github.orgconnect.api.UpsertEvent
import io.github.orgconnect.support.Clinic
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.Base64
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec
import kotlin.random.Random

/** Nobody is taken for another (B6), nothing forged gets in (B12). */
class SecrecyTest {
    @Test
    fun `interleaved calls for a hundred members answer each with its own and no token request is impersonated`() {
        Clinic().use { clinic ->
            runBlocking {
                val organization = clinic.connect().organization()
                val organizations = clinic.sandbox.control("GET", "/sandbox/organizations").jsonObject.getValue("organizations").jsonArray
                val id = organizations.first { it.jsonObject.getValue("name").jsonPrimitive.content == "Northwind Clinic" }
                val path = "/sandbox/organizations/${id.jsonObject.getValue("organization_id").jsonPrimitive.content}/members/bulk"
                clinic.sandbox.control("POST", path, buildJsonObject { put("count", 100) })
                val members = organization.members.list().all()
                assertTrue(members.size > 100)
                clinic.advance(java.time.Duration.ofHours(12))
                val calls =
                    List(2_000) { index ->
                        async {
                            val member = members[index % members.size]
                            member.email to organization.impersonate(member.sub).userinfo.read().email
                        }
                    }.awaitAll()
                assertEquals(emptyList<Any>(), calls.filter { it.first != it.second })
                val tokens = clinic.sandbox.requestsAfter(0).filter { "/oauth/" in it.getValue("path").toString() }
                assertTrue(tokens.all { it["impersonated"]?.jsonPrimitive?.contentOrNull == null })
            }
        }
    }

    @Test
    fun `a notification is accepted with a true signature and with nothing else`() {
        val body = """{"example":"well-known"}""".encodeToByteArray()
        val secret = Secret("CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID")
        val signature = "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0="
        val verifier = WebhookVerifier(secret)
        assertTrue(verifier.verify(signature, body))
        assertTrue(WebhookVerifier(Secret("pDY0Oi7TJSP2hfNmZNkm5")).verify("6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c=", body))
        assertTrue(verifier.verify("x=, $signature ,", body))
        assertTrue(WebhookVerifier(Secret("another")).orSecret(secret).verify(signature, body))
        assertTrue(verifier.receive(signature, body) is Notification.Unknown)
        val chance = Random(7)
        repeat(20_000) {
            val forged = body.clone()
            forged[chance.nextInt(forged.size)] = (forged[chance.nextInt(forged.size)] + 1 + chance.nextInt(254)).toByte()
            if (!forged.contentEquals(body)) assertFalse(verifier.verify(signature, forged))
            assertFalse(verifier.verify(Base64.getEncoder().encodeToString(chance.nextBytes(32)), body))
        }
    }

    @Test
    fun `a signed notification is read into its kind and a repetition is noticed`() {
        val secret = "CRN_secret"
        val body = """{"notification":{"type":"change","changes_since":"2031-03-03T09:00:00Z"},"channel":{"channel_id":"chn_1"}}"""
        val mac = Mac.getInstance("HmacSHA256").apply { init(SecretKeySpec(secret.encodeToByteArray(), algorithm)) }
        val signature = Base64.getEncoder().encodeToString(mac.doFinal(body.encodeToByteArray()))
        val notification = WebhookVerifier(Secret(secret)).receive(signature, body.encodeToByteArray())
        val change = notification as Notification.Channel
        assertEquals("change" to "chn_1", change.kind to change.channelId)
        assertEquals(Clinic.START, change.changesSince?.instant)
        val guard = ReplayGuard(java.time.Duration.ofMinutes(5), 10)
        assertTrue(guard.firstTime(body.encodeToByteArray()) && !guard.firstTime(body.encodeToByteArray()))
        guard.forget(body.encodeToByteArray())
        assertTrue(guard.firstTime(body.encodeToByteArray()))
    }

    @Test
    fun `a batch has a verdict on each entry, and an embed token is signed`() {
        Clinic().use { clinic ->
            runBlocking {
                val doc = clinic.connect().organization().impersonateEmail(Clinic.DOC)
                val calendar = doc.calendars.list().calendars.first { it.calendarReadonly != true }
                val start = io.github.orgconnect.api.EventTime.of(Clinic.START)
                val end = io.github.orgconnect.api.EventTime.of(Clinic.START.plusSeconds(1_800))
                val batch = Batch().upsertEvent(calendar.calendarId, UpsertEvent("1", "Check-up", start, end))
                batch.upsertEvent("cal_nobodys", UpsertEvent("2", "Check-up", start, end))
                val (good, bad) = doc.sendBatch(batch)
                assertTrue(good is Verdict.Accepted, "$good")
                assertTrue((bad as Verdict.Refused).error is OrgconnectException.NotFound, "$bad")
                val claims = JsonObject(mapOf("sub" to JsonPrimitive("user-7")))
                assertEquals(3, EmbedTokens("EMB_public", Secret("ESK_secret")).sign(claims, clinic.clock).expose().split(".").size)
                failing<OrgconnectException.Config> { EmbedTokens("ESK_secret", Secret("EMB_public")) }
            }
        }
    }
}
