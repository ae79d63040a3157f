package io.github.orgconnect.scenarios

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory
import java.io.File

/** One outcome for each scenario of `tests/scenarios`. */
class ScenariosTest {
    @TestFactory
    fun scenarios(): List<DynamicTest> {
        val folder = File(System.getProperty("orgconnect.repository"), "tests/scenarios")
        val files = folder.walk().filter { it.extension == "yaml" }.sorted().toList()
        check(files.size > 50) { "$folder holds ${files.size} scenarios" }
        return files.map { file ->
            DynamicTest.dynamicTest(file.relativeTo(folder).path) {
                val scenario = Scenario(file)
                runBlocking { World.open(scenario.given).use { Runner(it).run(scenario) } }
            }
        }
    }
}
