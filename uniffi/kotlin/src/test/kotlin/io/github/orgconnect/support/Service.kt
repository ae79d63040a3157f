package io.github.orgconnect.support

/** A PostgreSQL or a Redis of a test's own; it ends with the test. */
class Service(
    kind: String,
) : AutoCloseable {
    private val process: Process =
        ProcessBuilder(program("orgconnect-test-services").path, kind)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
    private val answers = process.inputReader()
    private val orders = process.outputWriter()

    val url: String = answers.readLine() ?: error("$kind did not start; run `tools/setup services`")

    /** `pause`, `resume`, `kill` or `start`. */
    fun tell(order: String) {
        orders.write("$order\n")
        orders.flush()
        check(answers.readLine() == "done") { "$order failed" }
    }

    override fun close() {
        orders.close()
        process.waitFor()
    }
}
