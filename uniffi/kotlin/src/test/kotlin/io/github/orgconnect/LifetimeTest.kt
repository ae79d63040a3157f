package io.github.orgconnect

import io.github.orgconnect.support.Clinic
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The edge between the virtual machine and the core: what was closed is an exception (B19). */
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
}
