package io.github.orgconnect

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch

// What the README shows for Android; SnippetsTest sees to it that the two are the same. Android and Compose are stood in for
// by AndroidStubs.kt: that the snippet fits this package is what is compiled.

// README
@Composable
fun ConnectCalendarButton(app: PublicClient, backend: Backend, links: Flow<String>) {
    val context = LocalContext.current
    val scope = rememberCoroutineScope()
    Button(onClick = {
        scope.launch {
            // The backend calls client.authorize and keeps the pending authorization in its session.
            val handOff = app.handOff(backend.beginAuthorization())
            CustomTabsIntent.Builder().build().launchUrl(context, handOff.url.toUri())
            // The app link brings the callback back; the backend completes it.
            val link = links.first(handOff::isCallback)
            backend.completeAuthorization(handOff.accept(link))
        }
    }) { Text("Connect calendar") }
}
// README

internal suspend fun whoAmI(backend: Backend): Any {
    // README
    val app = PublicClient({ rejected -> backend.accessToken(rejected?.expose()) }, Settings.at("https://backend.example"))
    val me = app.account().userinfo.read()
    // README
    return me
}

/** The app's own way to its backend. */
interface Backend {
    /** What `client.authorize` made there. */
    suspend fun beginAuthorization(): String

    /** What `client.complete` takes there. */
    suspend fun completeAuthorization(callback: String)

    /** A short-lived token of the user who is signed in. */
    suspend fun accessToken(rejected: String?): AccessToken
}
