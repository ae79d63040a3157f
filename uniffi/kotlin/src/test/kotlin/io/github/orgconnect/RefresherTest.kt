package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Duration

/** Connections that are refreshed before anybody needs them. */
class RefresherTest {
    @Test
    fun `a round refreshes what ends soon and leaves the rest`() {
        Clinic().use { clinic ->
            runBlocking {
                val connection = clinic.connect()
                val refresher = clinic.client.refresher(ahead = Duration.ofHours(1))
                assertEquals(0, refresher.runOnce().refreshed)
                val summary = connection.summary()
                clinic.advance(Duration.between(summary.issuedAt, summary.expiresAt).minusMinutes(1))
                val done = refresher.runOnce()
                assertEquals(1, done.refreshed, "$done")
                assertEquals(1, clinic.sandbox.refreshes())
                assertTrue(connection.summary().expiresAt > summary.expiresAt)
            }
        }
    }

    @Test
    fun `it works in the background until it is stopped`() {
        Clinic().use { clinic ->
            runBlocking {
                clinic.connect()
                clinic.advance(Duration.ofHours(12))
                val refresher = clinic.client.refresher(interval = Duration.ofMillis(10), concurrency = 2)
                refresher.start().use {
                    refresher.start()
                    while (refresher.stats().refreshed == 0L) yield()
                    val done = refresher.stop()
                    assertEquals(1, done.refreshed)
                    assertEquals(done.refreshed.toInt(), clinic.sandbox.refreshes())
                }
            }
        }
    }

    @Test
    fun `a setting that makes no sense is named`() {
        Clinic().use { clinic ->
            for ((field, refresher) in mapOf(
                "ahead" to clinic.client.refresher(ahead = Duration.ofDays(3)),
                "hot_for" to clinic.client.refresher(hotFor = Duration.ZERO),
                "interval" to clinic.client.refresher(interval = Duration.ZERO),
                "concurrency" to clinic.client.refresher(concurrency = -1),
            )) {
                runBlocking {
                    val error = failing<OrgconnectException.Config> { refresher.start() }
                    assertTrue(field in error.fields, "${error.fields}")
                    failing<OrgconnectException.Config> { refresher.runOnce() }
                }
            }
        }
    }
}
