package io.github.orgconnect

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import java.net.URI

// As much of Android and Compose as the snippet of the README mentions, by the same names and shapes.

@Target(AnnotationTarget.FUNCTION, AnnotationTarget.TYPE)
internal annotation class Composable

internal class Context

internal object LocalContext {
    val current = Context()
}

internal fun rememberCoroutineScope(): CoroutineScope = CoroutineScope(Dispatchers.Default)

@Suppress("ktlint:standard:function-naming")
internal fun Button(
    onClick: () -> Unit,
    content: () -> Unit,
) {
    onClick()
    content()
}

@Suppress("ktlint:standard:function-naming")
internal fun Text(text: String) = check(text.isNotEmpty())

internal fun String.toUri(): URI = URI(this)

internal class CustomTabsIntent {
    class Builder {
        fun build() = CustomTabsIntent()
    }

    fun launchUrl(
        context: Context,
        url: URI,
    ) = check(url.isAbsolute) { "$context" }
}
