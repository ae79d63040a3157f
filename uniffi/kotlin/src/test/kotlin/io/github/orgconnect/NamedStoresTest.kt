package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import io.github.orgconnect.support.MapStore
import io.github.orgconnect.support.Service
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
import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions
import java.time.Duration

/** Stores that a text names, those on a server among them; and what every store can do. */
class NamedStoresTest {
    @Test
    fun `every store keeps its contract`(
        @TempDir folder: File,
    ) {
        runBlocking {
            for (name in listOf("memory:", "file:$folder/files", "sqlite:$folder/tokens.db")) Store.open(name).check()
            val key = File(folder, "key").apply { writeText(SealedStore.generateKey().expose()) }
            Files.setPosixFilePermissions(key.toPath(), PosixFilePermissions.fromString("rw-------"))
            val sealed = Store.open("sqlite:$folder/sealed.db?key=file:$key")
            sealed.check()
            assertTrue(sealed.isEncrypted && !Store.open("file:$folder/files").isEncrypted)
            CustomStore(MapStore()).check()
            val broken =
                object : TokenStore by MapStore() {
                    override suspend fun acquire(
                        key: StoreKey,
                        owner: String,
                        ttl: Duration,
                    ): Boolean = true
                }
            val promise = assertThrows(IllegalStateException::class.java) { runBlocking { CustomStore(broken).check() } }
            assertTrue("lease" in promise.message.orEmpty(), promise.message)
        }
    }

    @Test
    fun `PostgreSQL and Redis keep a connection for another machine, and say so while they are away`() {
        for (kind in listOf("postgres", "redis")) {
            Service(kind).use { service ->
                val name = "${service.url}${if ('?' in service.url) '&' else '?'}timeout=1"
                Clinic(if (kind == "postgres") PostgresStore(name) else RedisStore(name)).use { clinic ->
                    runBlocking(Dispatchers.Default) {
                        val store = Store.open(name)
                        store.check()
                        val connection = clinic.connect()
                        val settings = Settings(baseUrl = clinic.sandbox.url, clock = clinic.clock)
                        Client(clinic.clientId, clinic.clientSecret, settings, store).use { other ->
                            clinic.advance(Duration.ofHours(12))
                            val calls =
                                List(40) { turn ->
                                    val client = if (turn % 2 == 0) clinic.client else other
                                    async { client.organization("clinic").members.list().first() }
                                }
                            calls.awaitAll()
                            assertEquals(1, clinic.sandbox.refreshes(), kind)
                            service.tell("pause")
                            val away = failing<OrgconnectException.Store> { connection.summary() }
                            assertTrue(away.isTransient && away.code == "store_unavailable", "$away ${away.code}")
                            // Nobody waits for a store as long as the token in memory is good.
                            connection.organization().members.list().first()
                            service.tell("resume")
                            assertEquals(ConnectionState.Active, connection.summary().state)
                            assertEquals("clinic", other.connections().single().id)
                        }
                    }
                }
            }
        }
    }

    @Test
    fun `records move from one store to another and are used there`(
        @TempDir folder: File,
    ) {
        val from = SqliteStore(File(folder, "tokens.db").path)
        val key = SealedStore.generateKey()
        Clinic(from).use { clinic ->
            runBlocking {
                clinic.connect()
                val to = Store.openSealed("file:$folder/sealed", key)
                val namespace = clinic.client.namespace
                assertEquals(Migrated(1, 0, emptyMap()), from.migrate(to, namespace))
                assertEquals(Migrated(0, 1, emptyMap()), from.migrate(to, namespace, remove = true))
                assertTrue(clinic.client.connections().isEmpty())
                val settings = Settings(baseUrl = clinic.sandbox.url, clock = clinic.clock)
                Client(clinic.clientId, clinic.clientSecret, settings, to, requireEncryption = true).use { later ->
                    assertTrue(later.organization("clinic").members.list().all().isNotEmpty())
                }
                val same = failing<OrgconnectException.Store> { to.migrate(to, namespace) }
                assertEquals("store_refused", same.code)
            }
        }
    }

    @Test
    fun `a name that is wrong is refused by what is wrong with it, and a password is never shown`() {
        for ((name, why) in listOf(
            "tokens.db" to "kind of store",
            "mysql:tokens" to "begins with none of",
            "memory:?key=canary-key" to "env:NAME",
            "postgres://clinic:canary@127.0.0.1/tokens?pool=many" to "pool",
            "redis://:canary@127.0.0.1/0?colour=red" to "colour",
        )) {
            val refused = assertThrows(OrgconnectException.Store::class.java) { Store.open(name) }
            assertEquals("store_refused", refused.code, name)
            assertTrue(why in refused.message.orEmpty(), "$name: ${refused.message}")
            assertFalse("canary" in refused.stackTraceToString(), name)
        }
        val shown = PostgresStore("postgres://clinic:canary@127.0.0.1:1/tokens").toString()
        assertTrue("127.0.0.1" in shown && "canary" !in shown, shown)
        val keys = assertThrows(OrgconnectException.Store::class.java) { Store.openSealed("memory:") }
        assertTrue("names no keys" in keys.message.orEmpty(), keys.message)
    }

    @Test
    fun `a keyring that is away is an error, and nothing is kept in clear text`(
        @TempDir folder: File,
    ) {
        // The tests run with the address of a bus that is not there.
        val absent = assertThrows(OrgconnectException.Store::class.java) { Store.open("keyring:$folder/tokens") }
        assertTrue("keyring" in absent.message.orEmpty(), absent.message)
        assertTrue(folder.walk().none { it.isFile && it.length() > 0 && "token" in it.readText() })
    }

    @Test
    fun `a client that requires encryption takes no store in clear text, and odd times are named`(
        @TempDir folder: File,
    ) {
        val plain = FileStore(folder.path)
        val (id, secret) = "client" to Secret("secret")
        val refused =
            assertThrows(OrgconnectException.Config::class.java) { Client(id, secret, store = plain, requireEncryption = true) }
        assertTrue("store" in refused.fields && "SealedStore" in refused.message.orEmpty(), refused.message)
        Client(id, secret, store = SealedStore(plain, SealedStore.generateKey()), requireEncryption = true).close()
        for (odd in listOf(Duration.ZERO, Duration.ofDays(1), Duration.ofSeconds(-1))) {
            val error = assertThrows(OrgconnectException.Config::class.java) { Client(id, secret, storeTimeout = odd) }
            assertTrue("store_timeout" in error.fields, "${error.fields}")
        }
    }
}
