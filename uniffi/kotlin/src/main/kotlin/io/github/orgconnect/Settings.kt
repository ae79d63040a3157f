package io.github.orgconnect

import io.github.orgconnect.ffi.NativeClock
import io.github.orgconnect.ffi.NativeRateLimit
import io.github.orgconnect.ffi.NativeRetry
import io.github.orgconnect.ffi.NativeSettings
import io.github.orgconnect.internal.native
import io.github.orgconnect.internal.toUnsignedMillis
import java.time.Duration
import java.time.Instant

/** A Cronofy data center. An application lives in exactly one. */
public enum class DataCenter(
    /** The id, as Cronofy writes it. */
    public val id: String,
) {
    /** United States. */
    US("us"),

    /** Germany. */
    DE("de"),

    /** United Kingdom. */
    UK("uk"),

    /** Australia. */
    AU("au"),

    /** Canada. */
    CA("ca"),

    /** Singapore. */
    SG("sg"),
}

/** How calls are repeated. What is null has its default. */
public data class RetryPolicy
@JvmOverloads
constructor(
    /** How often a call is sent at the most, the first time included. Default 3; 1 switches repeating off. */
    public val attempts: Int? = null,
    /** The longest pause before the second attempt; it doubles with each further one. Default 100 ms. */
    public val baseDelay: Duration? = null,
    /** The longest pause before any attempt. Default 5 s. */
    public val maxDelay: Duration? = null,
)

/** How many requests a client sends. Shared by everything that uses the same client. */
public data class RateLimit(
    /** At most this many in a second. */
    public val perSecond: Int,
    /** At most this many in a minute. */
    public val perMinute: Int,
) {
    public companion object {
        /** What Cronofy allows an application by default: 50 a second and 500 a minute. */
        @JvmField
        public val CRONOFY: RateLimit = RateLimit(50, 500)
    }
}

/** A clock that moves only when told to, for tests. */
public class ManualClock(
    now: Instant,
) {
    internal val native: NativeClock = native { NativeClock.startingAt(now.toEpochMilli()) }

    /** Moves the clock either way. */
    public fun shift(by: Duration): Unit = native { native.shift(by.toMillis()) }

    /** The time that it shows. */
    public fun now(): Instant = native { Instant.ofEpochMilli(native.now()) }
}

/** Where to call, and how: what both clients are made with. What is null has its default. */
public class Settings
@JvmOverloads
constructor(
    /** The data center in which the application lives. Default `us`. */
    public val dataCenter: DataCenter? = null,
    /** A sandbox or a gateway in place of a data center: an https origin, or http on loopback. */
    public val baseUrl: String? = null,
    /** The time for a whole call, repetitions included. Default 30 s. */
    public val timeout: Duration? = null,
    /** The time to make a connection. Default 5 s. */
    public val connectTimeout: Duration? = null,
    /** How calls are repeated. */
    public val retry: RetryPolicy? = null,
    /** Holds requests back to a rate. Default: no limit but what a 429 asks for. */
    public val rateLimit: RateLimit? = null,
    /** The largest answer that is accepted, after decompression. Default 32 MiB. */
    public val maxResponseBytes: Long? = null,
    /** The proxy for every request. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
    public val proxy: String? = null,
    /** Certificate authorities to trust beside the operating system's, in PEM form. */
    public val extraCaCertificates: List<ByteArray> = emptyList(),
    /** The name and version of your application for the `User-Agent`, for example `clinic/2.1`. */
    public val userAgentSuffix: String? = null,
    /** The clock by which tokens expire. Default: the system's. */
    public val clock: ManualClock? = null,
) {
    /** The same with [timeout]. */
    public fun withTimeout(timeout: Duration): Settings = copy(timeout = timeout)

    /** The same with [connectTimeout]. */
    public fun withConnectTimeout(connectTimeout: Duration): Settings = copy(connectTimeout = connectTimeout)

    /** The same with [retry]. */
    public fun withRetry(retry: RetryPolicy): Settings = copy(retry = retry)

    /** The same with [rateLimit]. */
    public fun withRateLimit(rateLimit: RateLimit): Settings = copy(rateLimit = rateLimit)

    /** The same with [maxResponseBytes]. */
    public fun withMaxResponseBytes(maxResponseBytes: Long): Settings = copy(maxResponseBytes = maxResponseBytes)

    /** The same with [proxy]. */
    public fun withProxy(proxy: String): Settings = copy(proxy = proxy)

    /** The same with [extraCaCertificates]. */
    public fun withExtraCaCertificates(extraCaCertificates: List<ByteArray>): Settings = copy(extraCaCertificates = extraCaCertificates)

    /** The same with [userAgentSuffix]. */
    public fun withUserAgentSuffix(userAgentSuffix: String): Settings = copy(userAgentSuffix = userAgentSuffix)

    /** The same with [clock]. */
    public fun withClock(clock: ManualClock): Settings = copy(clock = clock)

    private fun copy(
        timeout: Duration? = this.timeout,
        connectTimeout: Duration? = this.connectTimeout,
        retry: RetryPolicy? = this.retry,
        rateLimit: RateLimit? = this.rateLimit,
        maxResponseBytes: Long? = this.maxResponseBytes,
        proxy: String? = this.proxy,
        extraCaCertificates: List<ByteArray> = this.extraCaCertificates,
        userAgentSuffix: String? = this.userAgentSuffix,
        clock: ManualClock? = this.clock,
    ) = Settings(
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

    internal fun toNative(): NativeSettings =
        NativeSettings(
            hostLanguage = "kotlin",
            dataCenter = dataCenter?.id,
            baseUrl = baseUrl,
            timeoutMs = timeout?.toUnsignedMillis("timeout"),
            connectTimeoutMs = connectTimeout?.toUnsignedMillis("connect_timeout"),
            retry =
            retry?.let {
                NativeRetry(
                    it.attempts?.coerceAtLeast(0)?.toUInt(),
                    it.baseDelay?.toUnsignedMillis("retry"),
                    it.maxDelay?.toUnsignedMillis("retry"),
                )
            },
            rateLimit =
            rateLimit?.let {
                NativeRateLimit(it.perSecond.coerceAtLeast(0).toUInt(), it.perMinute.coerceAtLeast(0).toUInt())
            },
            maxResponseBytes = maxResponseBytes?.coerceAtLeast(0)?.toULong(),
            proxy = proxy,
            extraCaCertificates = extraCaCertificates,
            userAgentSuffix = userAgentSuffix,
            clock = clock?.native,
        )

    public companion object {
        /** The defaults, for a data center. */
        @JvmStatic
        public fun of(dataCenter: DataCenter): Settings = Settings(dataCenter = dataCenter)

        /** The defaults, for a sandbox or a gateway. */
        @JvmStatic
        public fun at(baseUrl: String): Settings = Settings(baseUrl = baseUrl)
    }
}
