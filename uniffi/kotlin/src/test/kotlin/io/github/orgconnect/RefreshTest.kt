package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import io.github.orgconnect.support.program
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.time.Duration
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.coroutines.intrinsics.startCoroutineUninterceptedOrReturn
import kotlin.random.Random

/** One refresh for many callers (A1), with other languages (A3), and whoever goes away (A8). */
class RefreshTest {
    @Test
    fun `a thousand coroutines at each of twenty expiries cause one refresh each`() {
        Clinic().use { clinic ->
            runBlocking(Dispatchers.IO.limitedParallelism(16)) {
                val connection = clinic.connect()
                clinic.sandbox.fault {
                    put("path", "/oauth/token")
                    put("delay_before_ms", number(quick = 20, full = 200))
                }
                repeat(20) {
                    clinic.advance(Duration.ofHours(12))
                    List(1_000) { async { connection.accessToken() } }.awaitAll()
                }
                assertEquals(20, clinic.sandbox.refreshes())
            }
        }
    }

    @Test
    fun `Kotlin and Rust on one store refresh once for each expiry`(
        @TempDir folder: File,
    ) {
        val path = File(folder, "tokens.db").path
        Clinic(SqliteStore(path), settings = { url, _ -> Settings(baseUrl = url) }).use { clinic ->
            clinic.sandbox.control("POST", "/sandbox/clock", buildJsonObject { put("run", true) })
            clinic.sandbox.control("POST", "/sandbox/clock", buildJsonObject { put("offset_ms", 0) })
            clinic.sandbox.patch {
                put("refresh_mode", "strict")
                put("access_token_ttl_ms", 6_000)
            }
            runBlocking(Dispatchers.Default) {
                val organization = clinic.connect().organization()
                val workers =
                    List(number(quick = 2, full = 16)) {
                        val worker = ProcessBuilder(program("orgconnect-fault-worker").path, "calls ${number(quick = 300, full = 500)} 4 10")
                        worker.environment() +=
                            mapOf(
                                "ORGCONNECT_BASE_URL" to clinic.sandbox.url,
                                "ORGCONNECT_CLIENT_ID" to clinic.clientId,
                                "ORGCONNECT_CLIENT_SECRET" to clinic.clientSecret.expose(),
                                "ORGCONNECT_STORE" to "sqlite:$path",
                                "ORGCONNECT_CONNECTION" to "clinic",
                            )
                        worker.redirectErrorStream(true).start()
                    }
                val calls = number(quick = 150, full = 500)
                val ours = List(number(quick = 4, full = 16)) { async { repeat(calls) { organization.members.list().first().also { delay(10) } } } }
                ours.awaitAll()
                for (worker in workers) {
                    val said = worker.inputReader().readText()
                    assertEquals(0, worker.waitFor(), said)
                }
                val counters = clinic.sandbox.control("GET", "/sandbox/counters").jsonObject
                val epochs = counters.getValue("refreshes_by_epoch").jsonObject.values.flatMap { it.jsonObject.values }
                assertTrue(epochs.all { it.jsonPrimitive.int == 1 }, "$epochs")
                assertEquals(epochs.size, clinic.sandbox.refreshes(), "every refresh was accepted")
            }
        }
    }

    @Test
    fun `a thousand callers that are cancelled at random points lose no token`() {
        Clinic().use { clinic ->
            clinic.sandbox.patch { put("refresh_mode", "strict") }
            clinic.sandbox.fault {
                put("path", "/oauth/token")
                put("grant_type", "refresh_token")
                put("delay_after_ms", 5)
            }
            runBlocking(Dispatchers.Default) {
                val connection = clinic.connect()
                val chance = Random(7)
                val rounds = number(quick = 10, full = 100)
                repeat(rounds) {
                    clinic.advance(Duration.ofHours(12))
                    val callers = List(100) { launch { connection.accessToken() } }
                    callers.map { caller -> launch { repeat(chance.nextInt(20)) { yield() }.also { caller.cancelAndJoin() } } }.joinAll()
                    connection.accessToken()
                }
                assertEquals(rounds, clinic.sandbox.refreshes())
                assertEquals(ConnectionState.Active, connection.summary().state)
            }
        }
    }

    @Test
    fun `a call that is cancelled ends at once and its connection goes on`() {
        Clinic().use { clinic ->
            runBlocking(Dispatchers.Default) {
                val organization = clinic.connect().organization()
                clinic.sandbox.fault {
                    put("path", "/v1/organizational_unit_members")
                    put("delay_before_ms", 60_000)
                    put("times", 1)
                }
                val call: Job = launch { organization.members.list().first() }
                while (clinic.sandbox.control("GET", "/sandbox/faults").toString().contains("\"met\":0")) yield()
                // A limit that is far below the delay, and far above what cancelling takes.
                assertTrue(withTimeoutOrNull(20_000) { call.cancelAndJoin() } != null)
                assertTrue(organization.members.list().all().isNotEmpty())
            }
        }
    }

    @Test
    fun `a thread that waits for a call and is interrupted waits no longer`() {
        Clinic().use { clinic ->
            val organization = runBlocking { clinic.connect().organization() }
            clinic.sandbox.fault {
                put("path", "/v1/organizational_unit_members")
                put("delay_before_ms", 60_000)
            }
            val call: suspend () -> Any? = { organization.members.list().first() }
            val ended = CompletableFuture<Throwable?>()
            val waiting =
                thread {
                    ended.complete(runCatching { Futures.get { call.startCoroutineUninterceptedOrReturn(it) } }.exceptionOrNull())
                }
            while (clinic.sandbox.control("GET", "/sandbox/faults").toString().contains("\"met\":0")) Thread.yield()
            waiting.interrupt()
            assertTrue(ended.get(20, TimeUnit.SECONDS) is InterruptedException)
        }
    }

    @Test
    fun `a refresh token of another program is taken over`() {
        Clinic().use { clinic ->
            runBlocking {
                val refreshToken = clinic.refreshTokenOfAnotherProgram()
                val connection = clinic.client.importConnection("clinic", refreshToken)
                assertTrue(connection.organization().members.list().all().isNotEmpty())
                assertEquals(ConnectionKind.ORGANIZATION, connection.summary().kind)
                val taken = failing<OrgconnectException.Invalid> { clinic.client.importConnection("clinic", refreshToken) }
                assertEquals("connection_exists", taken.code)
                val gone = failing<OrgconnectException.Authorization> { clinic.client.importConnection("other", Secret("never-issued")) }
                assertTrue(gone.needsReauthorization && "never-issued" !in gone.stackTraceToString())
            }
        }
    }
}
