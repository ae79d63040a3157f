package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.put
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.CompletableFuture
import kotlin.coroutines.Continuation
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.startCoroutine

/** How calls come back from the core: to the right coroutine, on a thread where a program may wait. */
class LaneTest {
    @Test
    fun `calls that are in flight together each get their own answer`() {
        Clinic().use { clinic ->
            runBlocking(Dispatchers.Default) {
                val organization = clinic.connect().organization()
                val members = organization.members.list().all().mapNotNull { it.sub }
                val answers =
                    List(400) { index ->
                        async {
                            val sub = members[index % members.size]
                            try {
                                sub == organization.impersonate(sub).userinfo.read().sub
                            } catch (_: OrgconnectException.Permission) {
                                true // a member who can't be acted as
                            } catch (_: OrgconnectException.NotFound) {
                                true
                            }
                        }
                    }.awaitAll()
                assertTrue(answers.all { it })
            }
        }
    }

    @Test
    fun `a program without a dispatcher may wait in its continuation for another call`() {
        Clinic().use { clinic ->
            val organization = runBlocking { clinic.connect().organization() }
            val ended = CompletableFuture<Int>()
            val call: suspend () -> Int = {
                organization.members.list().first()
                // On the core's thread this would wait for ever.
                assertFalse(Thread.currentThread().name.startsWith("orgconnect"))
                runBlocking { organization.members.list().all() }.size
            }
            call.startCoroutine(
                object : Continuation<Int> {
                    override val context: CoroutineContext = EmptyCoroutineContext

                    override fun resumeWith(result: Result<Int>) {
                        result.fold(ended::complete, ended::completeExceptionally)
                    }
                },
            )
            assertTrue(ended.get() > 2)
            runBlocking {
                withContext(Dispatchers.Unconfined) {
                    organization.members.list().first()
                    assertFalse(Thread.currentThread().name.startsWith("orgconnect"))
                }
            }
        }
    }

    @Test
    fun `a call that was cancelled does not come back, whenever that was`() {
        Clinic().use { clinic ->
            runBlocking(Dispatchers.Default) {
                val organization = clinic.connect().organization()
                clinic.sandbox.fault {
                    put("path", "/v1/organizational_unit_members")
                    // None of them ends by itself.
                    put("delay_before_ms", 60_000)
                }
                repeat(200) { round ->
                    val begun = CompletableDeferred<Unit>()
                    val call =
                        launch(start = if (round % 2 == 0) CoroutineStart.UNDISPATCHED else CoroutineStart.DEFAULT) {
                            begun.complete(Unit)
                            organization.members.list().first()
                        }
                    if (round % 3 == 0) begun.await()
                    call.cancelAndJoin()
                    assertTrue(call.isCancelled)
                }
                clinic.sandbox.control("DELETE", "/sandbox/faults")
                assertEquals(200, organization.send("organization.list_members", EMPTY).status)
            }
        }
    }

    @Test
    fun `a handle that is closed while calls are in flight loses none of them`() {
        Clinic().use { clinic ->
            runBlocking(Dispatchers.Default) {
                val organization = clinic.connect().organization()
                val calls = List(64) { async { runCatching { organization.members.list().first() } } }
                organization.calls.handle.close()
                for (refused in calls.awaitAll().mapNotNull { it.exceptionOrNull() }) {
                    assertTrue(refused is OrgconnectException.Config && "closed" in refused.message.orEmpty(), "$refused")
                }
                val error = failing<OrgconnectException.Config> { organization.members.list().first() }
                assertTrue("closed" in error.message.orEmpty())
            }
        }
    }
}
