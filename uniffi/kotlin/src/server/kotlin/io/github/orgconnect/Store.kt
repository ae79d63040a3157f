package io.github.orgconnect

import io.github.orgconnect.ffi.NativeStore
import io.github.orgconnect.ffi.generateStoreKey
import io.github.orgconnect.internal.native

/** Where tokens are kept. One of those below, or a [CustomStore] around a [TokenStore] of your own. */
public abstract class Store internal constructor(
    internal val native: NativeStore,
)

/** Keeps tokens in the memory of this process. */
public class MemoryStore : Store(native { NativeStore.memory() })

/** Keeps tokens in files of a folder, for many processes of one machine. */
public class FileStore(
    path: String,
) : Store(native { NativeStore.file(path) })

/** Keeps tokens in a SQLite database, for many processes of one machine. */
public class SqliteStore(
    path: String,
) : Store(native { NativeStore.sqlite(path) })

/** Keeps tokens in a store of your own. */
public class CustomStore(
    store: TokenStore,
) : Store(native { NativeStore.foreign(store.identity, ForeignStore(store)) })

/**
 * Encrypts what another store keeps.
 *
 * [keys] are 32 random octets each, in base64, separated by blanks or commas, the current one first; [generateKey] makes
 * one. Records in clear text are refused unless [allowClearTextReads].
 *
 * To change the key: give every process the new one behind the old, then before it, call [rewrapAll], and take the old one
 * away. Until then records move to the current key whenever they are saved.
 */
public class SealedStore
@JvmOverloads
constructor(
    inner: Store,
    keys: Secret,
    allowClearTextReads: Boolean = false,
) : Store(native { NativeStore.sealed(inner.native, keys.expose(), allowClearTextReads) }) {
    /** Goes on with other keys. */
    public fun replaceKeys(keys: Secret): Unit = native { native.replaceKeys(keys.expose()) }

    /** Moves every record of a namespace (`uk/CLIENT_ID`) to the current key. Writes the token store. */
    public suspend fun rewrapAll(namespace: String): Rewrapped =
        native {
            val done = native.rewrapAll(namespace)
            Rewrapped(done.moved.toLong(), done.unchanged.toLong(), done.failed)
        }

    public companion object {
        /** A new random key. Make it once, and keep it where your other secrets are. */
        @JvmStatic
        public fun generateKey(): Secret = native { Secret(generateStoreKey()) }
    }
}

/** What [SealedStore.rewrapAll] did. */
public data class Rewrapped(
    /** Records that were moved to the current key. */
    public val moved: Long,
    /** Records that had nothing to be done for. */
    public val unchanged: Long,
    /** Connections whose records were left as they are. The old keys are still needed while there are any. */
    public val failed: List<String>,
)
