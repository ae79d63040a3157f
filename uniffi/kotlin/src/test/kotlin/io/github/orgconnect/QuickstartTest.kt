package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** What the README shows runs, and is what the README shows; from Java, too. */
class QuickstartTest {
    @Test
    fun `the quickstart of the README runs against the sandbox`() {
        Clinic().use { clinic ->
            runBlocking {
                val quickstart = Quickstart(clinic.sandbox.url, clinic.clientId, clinic.clientSecret.expose()) { clinic.sandbox.approve(it, Clinic.OWNER) }
                assertTrue(Clinic.DOC in quickstart.run())
            }
        }
        listOf("tokens.db", "tokens.db-wal", "tokens.db-shm").forEach { File(it).delete() }
        assertShown("Quickstart.kt", "kotlin")
    }

    @Test
    fun `the example in Java runs against the sandbox`() {
        Clinic().use { clinic ->
            val emails = JavaQuickstart.run(clinic.sandbox.url, clinic.clientId, clinic.clientSecret.expose()) { clinic.sandbox.approve(it, Clinic.OWNER) }
            assertEquals(true, Clinic.DOC in emails)
        }
        assertShown("JavaQuickstart.java", "java")
    }

    @Test
    fun `what the README shows for servers keeps tokens where a name says and refreshes them ahead`() {
        Clinic().use { clinic ->
            var served = false
            runBlocking {
                Serving("memory:", clinic.clientId, clinic.clientSecret) { client ->
                    served = true
                    assertEquals("uk/${clinic.clientId}", client.namespace)
                }.run()
            }
            assertTrue(served)
        }
        assertShown("Serving.kt", "kotlin")
    }

    private fun assertShown(
        file: String,
        language: String,
    ) {
        val kotlin = File(System.getProperty("orgconnect.repository"), "uniffi/kotlin")
        val source = File(kotlin, "src/test/$language/io/github/orgconnect/$file").readText().split("// README\n")[1].trimIndent().trim()
        assertTrue("```$language\n$source\n```" in File(kotlin, "README.md").readText(), "README.md shows another $language than $file")
    }
}
