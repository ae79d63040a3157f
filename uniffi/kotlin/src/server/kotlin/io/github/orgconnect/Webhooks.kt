package io.github.orgconnect

import io.github.orgconnect.ffi.NativeNotification
import io.github.orgconnect.ffi.NativeReplayGuard
import io.github.orgconnect.ffi.NativeVerifier
import io.github.orgconnect.internal.json
import io.github.orgconnect.internal.native
import io.github.orgconnect.internal.toUnsignedMillis
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import java.time.Duration

/** Checks signatures with one or several client secrets. */
public class WebhookVerifier internal constructor(
    private val native: NativeVerifier,
) {
    /** Checks with the application's client secret. */
    public constructor(clientSecret: Secret) : this(native { NativeVerifier(listOf(clientSecret.expose())) })

    /** Accepts what another secret has signed, too: for the time in which one is being replaced. */
    public fun orSecret(clientSecret: Secret): WebhookVerifier = native { WebhookVerifier(native.orSecret(clientSecret.expose())) }

    /**
     * Whether one of the signatures is that of the body under one of the secrets.
     *
     * [body] is the raw body as it was received: JSON that was parsed and written again has other octets. The time does not
     * depend on which candidate fits, or how far one does.
     */
    public fun verify(
        signature: String,
        body: ByteArray,
    ): Boolean = native { native.verify(signature, body) }

    /**
     * Checks the signature and reads the notification.
     *
     * Throws [OrgconnectException.Authorization], code `signature_mismatch`, if no signature fits;
     * [OrgconnectException.Decode] if the body is not JSON. Answer 401 to the former.
     */
    public fun receive(
        signature: String,
        body: ByteArray,
    ): Notification = native { notificationOf(native.receive(signature, body)) }

    public companion object {
        /** The header that carries the signature. */
        public const val SIGNATURE_HEADER: String = "Cronofy-HMAC-SHA256"
    }
}

/** What Cronofy says. Kinds that this version doesn't know are [Unknown], never an error. */
public sealed interface Notification {
    /** Something happened to what a channel watches. */
    public data class Channel(
        /** What happened: `verification`, `change`, `profile_disconnected`, … */
        public val kind: String,
        /** For a `change`: read events with `last_modified` set to this time. */
        public val changesSince: Time?,
        /** The channel's id. */
        public val channelId: String,
        /** The whole body, for what is not named here. */
        public val body: JsonObject,
    ) : Notification

    /** A trigger of an event, its conferencing or its meeting agent. */
    public data class EventSubscription(
        /** What happened, for example `conferencing_assigned`; empty for a trigger by time. */
        public val interactions: List<String>,
        /** The event, by wire names. */
        public val event: JsonObject,
        /** The whole body. */
        public val body: JsonObject,
    ) : Notification

    /** A recipient answered a smart invite. */
    public data class SmartInvite(
        /** The id that you gave the invite. */
        public val smartInviteId: String,
        /** Who answered. */
        public val email: String?,
        /** `accepted`, `declined`, `tentative`, or another word. */
        public val status: String?,
        /** What the recipient wrote. */
        public val comment: String?,
        /** The whole body: the proposal, the recipient, the event. */
        public val body: JsonObject,
    ) : Notification

    /** A scheduling request moved on. */
    public data class SchedulingRequest(
        /** What happened, for example `scheduling_request_time_chosen`. */
        public val kind: String,
        /** The request's id. */
        public val schedulingRequestId: String?,
        /** The request, by wire names. */
        public val schedulingRequest: JsonObject,
    ) : Notification

    /** A real-time scheduling link was completed. */
    public data class SchedulingCompleted(
        /** The event with its start and end, by wire names. */
        public val event: JsonObject,
        /** The whole body: participants, user. */
        public val body: JsonObject,
    ) : Notification

    /** A delegated authorization was granted or refused; a code goes to [Client.completeDelegated]. */
    public data class DelegatedAuthorization(
        /** The code, if it was granted. */
        public val code: Secret?,
        /** The error, if it was not. */
        public val error: String?,
        /** A sentence about the error. */
        public val errorDescription: String?,
        /** The state that the request carried. Compare it with what you kept. */
        public val state: Secret?,
    ) : Notification

    /** Anything else, as it came. */
    public data class Unknown(
        /** The whole body. */
        public val body: JsonElement,
    ) : Notification
}

/**
 * Remembers what has been processed, so that a notification which is sent again does nothing.
 *
 * Cronofy's notifications have no id and no time, so a repetition is told by its body alone, and only within this process:
 * use it where doing a thing twice would hurt, and keep the window short.
 */
public class ReplayGuard(
    window: Duration,
    capacity: Int,
) {
    private val native = native { NativeReplayGuard(window.toUnsignedMillis("window"), capacity.coerceAtLeast(1).toUInt()) }

    /** Whether this body comes for the first time within the window, and remembers it if so. */
    public fun firstTime(body: ByteArray): Boolean = native { native.firstTime(body) }

    /** Forgets a body whose processing failed, so that Cronofy's next try counts. */
    public fun forget(body: ByteArray): Unit = native { native.forget(body) }
}

private fun notificationOf(native: NativeNotification): Notification =
    when (native) {
        is NativeNotification.Channel ->
            Notification.Channel(native.kind, native.changesSince?.let(Time::parse), native.channelId, objectOf(native.body))

        is NativeNotification.EventSubscription ->
            Notification.EventSubscription(native.interactions, objectOf(native.event), objectOf(native.body))

        is NativeNotification.SmartInvite ->
            Notification.SmartInvite(native.smartInviteId, native.email, native.status, native.comment, objectOf(native.body))

        is NativeNotification.SchedulingRequest ->
            Notification.SchedulingRequest(native.kind, native.schedulingRequestId, objectOf(native.schedulingRequest))

        is NativeNotification.SchedulingCompleted ->
            Notification.SchedulingCompleted(objectOf(native.event), objectOf(native.body))

        is NativeNotification.DelegatedAuthorization ->
            Notification.DelegatedAuthorization(
                native.code?.let(::Secret),
                native.error,
                native.errorDescription,
                native.state?.let(::Secret),
            )

        is NativeNotification.Unknown -> Notification.Unknown(json.parseToJsonElement(native.body))
    }

private fun objectOf(text: String): JsonObject = json.parseToJsonElement(text).jsonObject
