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
        File("tokens.db").parentFile
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

    private fun assertShown(
        file: String,
        language: String,
    ) {
        val source = File("src/test/$language/io/github/orgconnect/$file").readText().split("// README\n")[1].trimIndent().trim()
        assertTrue("```$language\n$source\n```" in File("README.md").readText(), "README.md shows another $language than $file")
    }
}
