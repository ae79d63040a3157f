package io.github.orgconnect

import io.github.orgconnect.api.DeleteAvailablePeriod
import io.github.orgconnect.api.DeleteEvent
import io.github.orgconnect.api.DeleteExternalEvent
import io.github.orgconnect.api.UpdateExternalEvent
import io.github.orgconnect.api.UpsertAvailablePeriod
import io.github.orgconnect.api.UpsertEvent
import io.github.orgconnect.ffi.NativeBatch
import io.github.orgconnect.internal.json
import io.github.orgconnect.internal.native
import io.github.orgconnect.internal.toBytes
import io.github.orgconnect.internal.toException
import kotlinx.serialization.SerializationStrategy
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject

/** Writes that are sent together: at most 50. Each is checked when it is added. */
public class Batch {
    internal val native = native { NativeBatch() }

    /**
     * Adds an operation by its name, with arguments by their wire names.
     *
     * Throws [OrgconnectException.Invalid] if the batch is full, if Cronofy doesn't take the operation in a batch, or if an
     * argument is wrong. The batch is then as it was.
     */
    public fun add(
        operation: String,
        arguments: JsonObject,
    ): Batch {
        native { native.add(operation, arguments.toBytes()) }
        return this
    }

    /** Adds `events.upsert`. */
    public fun upsertEvent(
        calendarId: String,
        request: UpsertEvent,
    ): Batch = add("events.upsert", within(calendarId, UpsertEvent.serializer(), request))

    /** Adds `events.update_external`. */
    public fun updateExternalEvent(
        calendarId: String,
        request: UpdateExternalEvent,
    ): Batch = add("events.update_external", within(calendarId, UpdateExternalEvent.serializer(), request))

    /** Adds `events.delete`. */
    public fun deleteEvent(
        calendarId: String,
        request: DeleteEvent,
    ): Batch = add("events.delete", within(calendarId, DeleteEvent.serializer(), request))

    /** Adds `events.delete_external`. */
    public fun deleteExternalEvent(
        calendarId: String,
        request: DeleteExternalEvent,
    ): Batch = add("events.delete_external", within(calendarId, DeleteExternalEvent.serializer(), request))

    /** Adds `available_periods.upsert`. */
    public fun upsertAvailablePeriod(request: UpsertAvailablePeriod): Batch =
        add("available_periods.upsert", fields(UpsertAvailablePeriod.serializer(), request))

    /** Adds `available_periods.delete`. */
    public fun deleteAvailablePeriod(request: DeleteAvailablePeriod): Batch =
        add("available_periods.delete", fields(DeleteAvailablePeriod.serializer(), request))

    private fun <T> within(
        calendarId: String,
        serializer: SerializationStrategy<T>,
        request: T,
    ) = JsonObject(fields(serializer, request) + ("calendar_id" to JsonPrimitive(calendarId)))

    private fun <T> fields(
        serializer: SerializationStrategy<T>,
        request: T,
    ) = json.encodeToJsonElement(serializer, request).jsonObject
}

/** What became of one entry of a batch. */
public sealed interface Verdict {
    /** It was carried out. */
    public data class Accepted(
        /** What it was answered with; mostly nothing. */
        public val body: JsonElement?,
    ) : Verdict

    /** It was not carried out. */
    public data class Refused(
        /** The error that the same call would have ended with by itself. */
        public val error: OrgconnectException,
    ) : Verdict
}

/**
 * Sends a batch, and returns the verdict on each entry in the order in which they were added.
 *
 * Throws what keeps the batch as a whole from being carried out; the verdicts then don't exist.
 */
public suspend fun Account.sendBatch(batch: Batch): List<Verdict> =
    native {
        calls.handle.sendBatch(batch.native, calls.batchOptions(), null).map { verdict ->
            val failure = verdict.failure
            if (failure != null) {
                Verdict.Refused(failure.toException())
            } else {
                Verdict.Accepted(verdict.body?.let { json.parseToJsonElement(it.decodeToString()) })
            }
        }
    }
