package io.github.orgconnect

import kotlinx.serialization.json.JsonObject
import org.junit.jupiter.api.Assertions.fail

internal val EMPTY = JsonObject(emptyMap())

/** The full numbers of the fault rows, as `make test-faults-kotlin` asks for them, or those of a quick run. */
internal fun number(
    quick: Int,
    full: Int,
): Int = if (System.getenv("ORGCONNECT_FAULTS") == "full") full else quick

/** The error that a call must end with. */
internal suspend inline fun <reified E : Throwable> failing(crossinline call: suspend () -> Unit): E {
    try {
        call()
    } catch (failed: Throwable) {
        return failed as? E ?: throw AssertionError("it failed otherwise", failed)
    }
    return fail("it should fail with ${E::class.simpleName}")
}
