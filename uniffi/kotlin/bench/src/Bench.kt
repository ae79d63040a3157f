import com.sun.management.OperatingSystemMXBean
import io.github.orgconnect.Client
import io.github.orgconnect.Secret
import io.github.orgconnect.Settings
import io.github.orgconnect.api.Userinfo
import io.ktor.client.HttpClient
import io.ktor.client.call.body
import io.ktor.client.engine.cio.CIO
import io.ktor.client.engine.cio.endpoint
import io.ktor.client.plugins.contentnegotiation.ContentNegotiation
import io.ktor.client.request.get
import io.ktor.client.request.header
import io.ktor.serialization.kotlinx.json.json
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.serialization.json.Json
import okhttp3.Call
import okhttp3.Callback
import okhttp3.ConnectionPool
import okhttp3.Dispatcher
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import java.io.IOException
import java.lang.management.ManagementFactory
import java.util.concurrent.TimeUnit
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlin.system.exitProcess

/*
 * Calls a server of fixed replies with one client, and prints a line of JSON for each case: calls per second, and CPU time of
 * this process per call. All clients decode the same model with kotlinx.serialization. `uniffi/kotlin/bench/run` runs all.
 *
 *     Bench BASE_URL orgconnect|okhttp|ktor [SECONDS]
 */

private const val SUB = "acc_5700a00eb0ccd07000000000"
private val format = Json { ignoreUnknownKeys = true }

fun main(arguments: Array<String>) {
    val (url, peer) = arguments
    val seconds = arguments.getOrNull(2)?.toDouble() ?: 4.0
    val call = client(peer, url)
    runBlocking(Dispatchers.Default) {
        for (inFlight in listOf(1, 64)) {
            measure(inFlight, seconds, call)
            val (rate, cpu) = measure(inFlight, seconds, call)
            println("""{"client":"$peer","in_flight":$inFlight,"calls_per_second":${rate.toInt()},"cpu_us":${cpu.toInt()}}""")
        }
    }
    // OkHttp's threads would hold the process for a minute.
    exitProcess(0)
}

private fun client(
    peer: String,
    url: String,
): suspend () -> Userinfo =
    when (peer) {
        "orgconnect" -> {
            val client = Client("id", Secret("secret"), Settings(baseUrl = url))
            val account = client.internalOrganization().impersonate(SUB);
            { account.userinfo.read() }
        }

        "okhttp" -> {
            // As many at a time to one host as there are coroutines; its default is 5.
            val dispatcher = Dispatcher().apply {
                maxRequests = 64
                maxRequestsPerHost = 64
            }
            val pool = ConnectionPool(64, 5, TimeUnit.MINUTES)
            val client = OkHttpClient.Builder().dispatcher(dispatcher).connectionPool(pool).build();
            {
                val request =
                    Request
                        .Builder()
                        .url("$url/v1/userinfo")
                        .header("Authorization", "Bearer secret")
                        .header("Cronofy-Impersonate", SUB)
                        .build()
                client.newCall(request).await().use { response ->
                    check(response.isSuccessful)
                    format.decodeFromString<Userinfo>(response.body.string())
                }
            }
        }

        "ktor" -> {
            val client =
                HttpClient(CIO) {
                    expectSuccess = true
                    // It opens a connection for each call; with `pipelining` calls fail, here, at the end of one.
                    engine { endpoint { maxConnectionsPerRoute = 100 } }
                    install(ContentNegotiation) { json(format) }
                };
            {
                client
                    .get("$url/v1/userinfo") {
                        header("Authorization", "Bearer secret")
                        header("Cronofy-Impersonate", SUB)
                    }.body<Userinfo>()
            }
        }

        else -> error("$peer is not one of orgconnect, okhttp, ktor")
    }

private suspend fun Call.await(): Response =
    suspendCancellableCoroutine { continuation ->
        continuation.invokeOnCancellation { cancel() }
        enqueue(
            object : Callback {
                override fun onFailure(
                    call: Call,
                    e: IOException,
                ) = continuation.resumeWithException(e)

                override fun onResponse(
                    call: Call,
                    response: Response,
                ) = continuation.resume(response) { _, unused, _ -> unused.close() }
            },
        )
    }

/** Calls for so long with so many in flight; returns calls per second, and CPU time in µs per call. */
private suspend fun measure(
    inFlight: Int,
    seconds: Double,
    call: suspend () -> Userinfo,
): Pair<Double, Double> {
    val process = ManagementFactory.getOperatingSystemMXBean() as OperatingSystemMXBean
    val (begin, spent) = System.nanoTime() to process.processCpuTime
    val end = begin + (seconds * 1e9).toLong()
    val calls =
        coroutineScope {
            List(inFlight) {
                async {
                    var calls = 0L
                    while (System.nanoTime() < end) {
                        check(call().sub == SUB)
                        calls++
                    }
                    calls
                }
            }.awaitAll().sum()
        }
    val elapsed = System.nanoTime() - begin
    return calls * 1e9 / elapsed to (process.processCpuTime - spent) / 1e3 / calls
}
