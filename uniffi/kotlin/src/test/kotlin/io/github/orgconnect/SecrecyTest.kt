package io.github.orgconnect

import io.github.orgconnect.api.UpsertEvent
import io.github.orgconnect.support.Clinic
import io.github.orgconnect.support.REDIRECT_URI
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

/** Nothing leaks (B1), nothing is injected (B5), nobody is taken for another (B6), nothing forged gets in (B12). */
class SecrecyTest {
    @Test
    fun `no secret is in what is printed, thrown or traced`() {
        Clinic().use { clinic ->
            runBlocking {
                val connection = clinic.connect()
                val token = connection.accessToken()
                val pending = clinic.client.authorize(AuthorizationRequest.organization(REDIRECT_URI))
                val errors =
                    listOf(
                        failing<OrgconnectException> { clinic.client.complete(pending, "$REDIRECT_URI?code=canary_code&state=canary_state") },
                        failing { clinic.client.send("events.read", EMPTY) },
                        failing { clinic.client.pending("canary_pending") },
                        failing { clinic.client.admin(Secret("canary\nkey")) },
                        failing { Client(clinic.clientId, Secret("canary secret with blanks")) },
                        failing { clinic.client.completeDelegated(Secret("canary_delegated"), REDIRECT_URI) },
                        failing { WebhookVerifier(clinic.clientSecret).receive("canary_signature", ByteArray(0)) },
                    )
                val link = "https://other.example/v1?token=${token.expose()}"
                val foreign = failing<OrgconnectException> { connection.organization().follow("organization.list_members", link) }
                val printed =
                    errors.map { it.stackTraceToString() + it.fields } +
                        foreign.stackTraceToString() +
                        listOf(
                            clinic.client,
                            connection,
                            connection.summary(),
                            pending,
                            token,
                            connection.organization(),
                            connection.organization().members.list().first(),
                            CallOptions(extra = JsonObject(mapOf("link_token" to JsonPrimitive("canary_extra")))),
                            AuthorizationRequest.organization(REDIRECT_URI).state(Secret("canary_state")),
                            StoreRecord("canary_payload", null),
                        ).map { "$it" }
                for (secret in listOf(token.expose(), clinic.clientSecret.expose(), "canary")) {
                    assertEquals(emptyList<String>(), printed.filter { secret in it }, "leaks")
                }
            }
        }
    }

    @Test
    fun `every octet that could end a header is refused at every place before anything is sent`() {
        Clinic().use { clinic ->
            runBlocking {
                val organization = clinic.connect().organization()
                val sent = clinic.sandbox.newestRequest()
                val sub = "acc_5700a00eb0ccd07000000000"
                val octets = "acc_0123456789abcdef:\r\n\u0000\t \u007f\u0080\u00e9\ud83d\u2028".toCharArray()
                val bad = (0..32).map(Int::toChar) + ('\u007f'..'\u00ff') + listOf(':', '/', '\u2028')
                for (octet in bad) {
                    for (position in 0..sub.length) {
                        val injected = sub.take(position) + octet + sub.drop(position)
                        val error = failing<OrgconnectException.Invalid> { organization.impersonate(injected) }
                        assertTrue("sub" in error.fields)
                    }
                }
                failing<OrgconnectException.Invalid> { organization.impersonate("acc_\ud83d") }
                val chance = Random(7)
                repeat(number(quick = 20_000, full = 1_000_000)) {
                    val text = String(CharArray(1 + chance.nextInt(24)) { octets[chance.nextInt(octets.size)] })
                    val accepted =
                        try {
                            organization.impersonate(text).sub
                        } catch (_: OrgconnectException.Invalid) {
                            return@repeat
                        }
                    assertTrue(accepted == text && text.all { it in '!'..'~' }, "accepted ${text.map(Char::code)}")
                }
                for (octet in listOf('\r', '\n', '\u0000')) {
                    failing<OrgconnectException.Config> { Client(clinic.clientId, clinic.clientSecret, Settings(userAgentSuffix = "clinic$octet")) }
                }
                assertEquals(sent, clinic.sandbox.newestRequest())
            }
        }
    }

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
                    List(number(quick = 2_000, full = 10_000)) { index ->
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
        repeat(number(quick = 20_000, full = 500_000)) {
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
