package io.github.orgconnect

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.Structure
import io.github.orgconnect.internal.requireKotlin
import io.github.orgconnect.support.Clinic
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** The edge between the virtual machine and the core (B19): what was closed is an exception, and nothing is kept. */
class LifetimeTest {
    @Test
    fun `a client that was closed says so, and a handle that was made from it goes on`() {
        Clinic().use { clinic ->
            runBlocking {
                val organization = clinic.connect().organization()
                clinic.client.close()
                val error = failing<OrgconnectException.Config> { clinic.client.connection("clinic") }
                assertTrue("closed" in error.message.orEmpty())
                assertTrue(organization.members.list().all().isNotEmpty())
            }
        }
    }

    @Test
    fun `a library of Kotlin that is too old is named`() {
        requireKotlin(KotlinVersion(2, 2))
        val error = assertThrows(OrgconnectException.Config::class.java) { requireKotlin(KotlinVersion(1, 9, 25)) }
        assertTrue("kotlin-stdlib 1.9.25" in error.message.orEmpty() && "kotlin.version" in error.message.orEmpty(), "$error")
    }

    /** In a virtual machine of its own with a small heap: garbage on the heap holds memory of the core's until it is collected. */
    @Test
    fun `many calls, and many that fail, keep no memory`() {
        val calls = number(quick = 10_000, full = 100_000)
        val java = File(System.getProperty("java.home"), "bin/java").path
        val settings = listOf("orgconnect.target", "jna.library.path").map { "-D$it=${System.getProperty(it)}" }
        // One arena of the C library, so that it counts what is taken by whatever thread, and the compiler that takes less of it.
        val machine =
            listOf("-Xmx48m", "-Xms48m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=64m", "-XX:TieredStopAtLevel=1")
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val process =
            ProcessBuilder(listOf(java) + machine + settings + listOf("-cp", classes, MemoryOfCalls::class.java.name, "$calls"))
                .redirectErrorStream(true)
                .apply { environment()["MALLOC_ARENA_MAX"] = "1" }
                .start()
        val said = process.inputReader().readText()
        assertEquals(0, process.waitFor(), said)
        println("B19: $said")
        val grown = said.trim().lines().last().substringAfter("grown ").substringBefore(" KiB").toLong()
        assertTrue(grown < 1_024, said)
    }
}

/** Says by how much the memory of the process grows over so many calls, after as many that warm everything up. */
object MemoryOfCalls {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val calls = arguments.single().toInt()
        Clinic().use { clinic ->
            runBlocking {
                val organization = clinic.connect().organization()
                val measured =
                    List(5) {
                        repeat(calls / 5 / IN_FLIGHT) {
                            List(IN_FLIGHT) { index -> async { call(clinic, organization, index) } }.awaitAll()
                        }
                        collect()
                        CLibrary.INSTANCE.mallinfo2().inUse() / 1_024
                    }
                // The median of the steps, for three of them: what the virtual machine takes once, or for a while, is no growth.
                val steps = measured.zipWithNext { before, after -> after - before }.sorted()
                val grown = 3 * (steps[1] + steps[2]) / 2
                println("taken from the C library after each fifth of $calls calls: $measured KiB; grown $grown KiB")
            }
        }
    }

    private suspend fun call(
        clinic: Clinic,
        organization: Organization,
        index: Int,
    ) {
        when (index % 4) {
            0 -> organization.members.list().first()
            1 -> clinic.client.authorize(AuthorizationRequest.organization("http://127.0.0.1:9/callback"))
            2 -> failing<OrgconnectException.Invalid> { organization.send("no.such_operation", EMPTY) }
            else -> organization.impersonate("acc_5700a00eb0ccd07000000000")
        }
    }

    /** Objects of the core are given back by a cleaner, once what held them was collected. */
    private fun collect() {
        repeat(5) {
            System.gc()
            Thread.sleep(50)
        }
    }

    private const val IN_FLIGHT = 20
}

/** What the C library knows of the memory that was taken from it: by the core, and for passing values to it. */
internal interface CLibrary : Library {
    fun mallinfo2(): Info.ByValue

    @Structure.FieldOrder("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    open class Info : Structure() {
        @JvmField var arena = 0L

        @JvmField var ordblks = 0L

        @JvmField var smblks = 0L

        @JvmField var hblks = 0L

        @JvmField var hblkhd = 0L

        @JvmField var usmblks = 0L

        @JvmField var fsmblks = 0L

        @JvmField var uordblks = 0L

        @JvmField var fordblks = 0L

        @JvmField var keepcost = 0L

        class ByValue :
            Info(),
            Structure.ByValue

        fun inUse(): Long = uordblks + hblkhd
    }

    companion object {
        val INSTANCE: CLibrary = Native.load("c", CLibrary::class.java)
    }
}
