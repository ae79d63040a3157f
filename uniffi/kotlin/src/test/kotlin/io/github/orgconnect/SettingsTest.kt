package io.github.orgconnect

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.time.Duration
import java.time.Instant

/** Settings as they are made without named arguments, from Java. */
class SettingsTest {
    @Test
    fun `each setting is added to those that are there`() {
        val once = RetryPolicy(1)
        val authorities = listOf(byteArrayOf(1))
        val stopped = ManualClock(Instant.EPOCH)
        val settings =
            Settings
                .of(DataCenter.UK)
                .withTimeout(Duration.ofSeconds(1))
                .withConnectTimeout(Duration.ofSeconds(2))
                .withRetry(once)
                .withRateLimit(RateLimit.CRONOFY)
                .withMaxResponseBytes(3)
                .withProxy("http://127.0.0.1:9")
                .withExtraCaCertificates(authorities)
                .withUserAgentSuffix("clinic/2.1")
                .withClock(stopped)
        val expected =
            listOf(
                DataCenter.UK,
                null,
                Duration.ofSeconds(1),
                Duration.ofSeconds(2),
                once,
                RateLimit.CRONOFY,
                3L,
                "http://127.0.0.1:9",
                authorities,
                "clinic/2.1",
                stopped,
            )
        assertEquals(
            expected,
            with(settings) {
                listOf(
                    dataCenter,
                    baseUrl,
                    timeout,
                    connectTimeout,
                    retry,
                    rateLimit,
                    maxResponseBytes,
                    proxy,
                    extraCaCertificates,
                    userAgentSuffix,
                    clock,
                )
            },
        )
    }
}
