package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import io.github.orgconnect.support.MapStore
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.time.Duration
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicReference

/** Stores of the application's own that fail, block and are slow; and those that come with the core. */
class StoresTest {
    @Test
    fun `a store of the application's own carries a connection through refreshes and revocation`() {
        val store = MapStore()
        Clinic(CustomStore(store)).use { clinic ->
            runBlocking {
                val connection = clinic.connect()
                clinic.advance(Duration.ofHours(12))
                connection.organization().members.list().all()
                assertEquals(1, clinic.sandbox.refreshes())
                assertEquals("clinic", clinic.client.connections().single().id)
                connection.revoke()
                assertTrue(connection.summary().state is ConnectionState.Revoked)
            }
        }
    }

    @Test
    fun `a store that throws is a transient error that names the class alone and keeps the tokens`() {
        val failure = AtomicReference<Throwable?>()
        val store = MapStore { failure.get()?.let { throw it } }
        Clinic(CustomStore(store)).use { clinic ->
            runBlocking {
                val connection = clinic.connect()
                clinic.advance(Duration.ofHours(12))
                for (thrown in listOf(IllegalStateException("canary-of-the-store"), StackOverflowError("canary-of-the-store"))) {
                    failure.set(thrown)
                    val error = failing<OrgconnectException.Store> { connection.refresh() }
                    assertTrue(error.isTransient && error.code == "store_unavailable", "$error ${error.code}")
                    assertTrue(thrown.javaClass.name in error.message.orEmpty(), error.message)
                    assertFalse("canary" in error.stackTraceToString())
                }
                failure.set(StoreException(StoreException.Kind.REFUSED, "the disk is read-only; mount it for writing"))
                val refused = failing<OrgconnectException.Store> { connection.summary() }
                assertEquals("store_refused", refused.code)
                assertTrue("read-only" in refused.message.orEmpty())
                failure.set(null)
                connection.organization().members.list().all()
            }
        }
    }

    @Test
    fun `a store that blocks its thread holds up nobody else`() {
        val entered = CountDownLatch(1)
        val gate = CountDownLatch(1)
        val blocks = AtomicReference(false)
        val store =
            MapStore {
                if (blocks.get()) {
                    entered.countDown()
                    gate.await()
                }
            }
        Clinic(CustomStore(store)).use { clinic ->
            runBlocking {
                val organization = clinic.connect().organization()
                clinic.advance(Duration.ofHours(12))
                blocks.set(true)
                val waiting = async(Dispatchers.Default) { organization.members.list().all() }
                entered.await()
                // The application's own credential needs no store.
                failing<OrgconnectException> { clinic.client.send("application_calendars.create", EMPTY) }
                blocks.set(false)
                gate.countDown()
                assertTrue(waiting.await().isNotEmpty())
            }
        }
    }

    @Test
    fun `a slow store makes callers wait for one refresh, and not each for their own`() {
        val slow = AtomicReference<CompletableDeferred<Unit>?>()
        val store = MapStore { slow.get()?.await() }
        Clinic(CustomStore(store)).use { clinic ->
            runBlocking(Dispatchers.Default) {
                val organization = clinic.connect().organization()
                clinic.advance(Duration.ofHours(12))
                val gate = CompletableDeferred<Unit>()
                slow.set(gate)
                val calls = List(200) { async { organization.members.list().first() } }
                slow.set(null)
                gate.complete(Unit)
                calls.awaitAll()
                assertEquals(1, clinic.sandbox.refreshes())
            }
        }
    }

    @Test
    fun `a sealed store keeps no token in clear text and goes on after its key was replaced`() {
        val inner = MapStore()
        val (old, new) = List(2) { SealedStore.generateKey().expose() }
        val sealed = SealedStore(CustomStore(inner), Secret(old))
        Clinic(sealed).use { clinic ->
            runBlocking {
                val connection = clinic.connect()
                val token = connection.accessToken().expose()
                assertTrue(inner.payloads.isNotEmpty() && inner.payloads.none { token in it })
                sealed.replaceKeys(Secret("$new $old"))
                assertEquals(emptyMap<String, OrgconnectException>(), sealed.rewrapAll(clinic.client.namespace).failed)
                sealed.replaceKeys(Secret(new))
                assertEquals(ConnectionState.Active, connection.summary().state)
            }
        }
    }

    @Test
    fun `files and SQLite keep a connection for the next client`(
        @TempDir folder: File,
    ) {
        for (open in listOf({ FileStore(File(folder, "files").path) }, { SqliteStore(File(folder, "tokens.db").path) })) {
            Clinic(open()).use { clinic ->
                runBlocking {
                    clinic.connect()
                    val settings = Settings(baseUrl = clinic.sandbox.url, clock = clinic.clock)
                    Client(clinic.clientId, clinic.clientSecret, settings, open()).use { later ->
                        assertTrue(later.organization("clinic").members.list().all().isNotEmpty())
                    }
                }
            }
        }
        assertThrows(OrgconnectException.Store::class.java) { SqliteStore(folder.path) }
    }
}
