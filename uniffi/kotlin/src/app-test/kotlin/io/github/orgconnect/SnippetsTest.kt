package io.github.orgconnect

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** What the README shows for Android is what is compiled here. */
class SnippetsTest {
    @Test
    fun `the README shows the snippets that are compiled`() {
        val kotlin = File(System.getProperty("orgconnect.repository"), "uniffi/kotlin")
        val source = File(kotlin, "src/app-test/kotlin/io/github/orgconnect/ConnectCalendar.kt").readText()
        val snippets = source.split(Regex("(?m)^ *// README\\n")).filterIndexed { index, _ -> index % 2 == 1 }
        assertEquals(2, snippets.size)
        val readme = File(kotlin, "README.md").readText()
        for (snippet in snippets) assertTrue("```kotlin\n${snippet.trimIndent().trim()}\n```" in readme, snippet)
    }
}
