import Foundation
import OrgconnectCore
import OrgconnectNative

/// Checks the signatures of what Cronofy posts, with one or several client secrets.
///
/// Every push notification and callback carries the header ``signatureHeader``.
///
/// ```swift
/// let verifier = try client.webhooks()
/// switch try verifier.receive(signature: header, body: rawBody) {
/// case .channel(let channel): print(channel.kind)
/// default: break
/// }
/// ```
public struct WebhookVerifier: Sendable {
    /// The header that carries the signature.
    public static let signatureHeader = "Cronofy-HMAC-SHA256"

    private let native: NativeVerifier

    init(_ native: NativeVerifier) { self.native = native }

    /// Checks with the application's client secret.
    public init(clientSecret: String) throws {
        native = try calling { try NativeVerifier(clientSecrets: [clientSecret]) }
    }

    /// Accepts what another secret has signed, too: for the time in which one is being replaced.
    public func orSecret(_ clientSecret: String) throws -> Self {
        Self(try calling { try native.orSecret(clientSecret: clientSecret) })
    }

    /// Whether one of the signatures is that of the body under one of the secrets.
    ///
    /// `body` is the raw body as it was received: JSON that was parsed and written again has other octets. The time does
    /// not depend on which candidate fits, or how far one does.
    public func verify(signature: String, body: Data) throws -> Bool {
        try calling { try native.verify(signature: signature, body: body) }
    }

    /// Checks the signature and reads the notification.
    ///
    /// - Throws: ``/OrgconnectCore/OrgconnectError/authorization(_:)``, code `signature_mismatch`, if no signature fits;
    ///   ``/OrgconnectCore/OrgconnectError/decode(_:)`` if the body is not JSON. Answer 401 to the former.
    public func receive(signature: String, body: Data) throws -> WebhookNotification {
        try calling { WebhookNotification(try native.receive(signature: signature, body: body)) }
    }
}

/// What Cronofy says. Kinds that this version doesn't know are ``unknown(_:)``, never an error.
public enum WebhookNotification: Sendable {
    /// Something happened to what a channel watches.
    case channel(ChannelNotification)
    /// A trigger of an event, its conferencing or its meeting agent.
    case eventSubscription(EventSubscriptionNotification)
    /// A recipient answered a smart invite.
    case smartInvite(SmartInviteReply)
    /// A scheduling request moved on, for example `scheduling_request_time_chosen`.
    case schedulingRequest(SchedulingRequestNotification)
    /// A real-time scheduling link was completed.
    case schedulingCompleted(SchedulingCompleted)
    /// A delegated authorization was granted or refused; a code goes to ``Client/completeDelegated(code:callbackURL:connectionID:)``.
    case delegatedAuthorization(DelegatedAuthorization)
    /// Anything else, as it came.
    case unknown(JSONValue)

    init(_ native: NativeNotification) {
        switch native {
        case .channel(let kind, let changesSince, let channelID, let body):
            self = .channel(
                ChannelNotification(
                    kind: ChannelEvent(rawValue: kind),
                    changesSince: changesSince.map { Time($0) },
                    channelID: channelID,
                    body: object(body)
                )
            )
        case .eventSubscription(let interactions, let event, let body):
            self = .eventSubscription(
                EventSubscriptionNotification(interactions: interactions, event: object(event), body: object(body))
            )
        case .smartInvite(let id, let email, let status, let comment, let body):
            self = .smartInvite(
                SmartInviteReply(
                    smartInviteID: id,
                    email: email,
                    status: status,
                    comment: comment,
                    body: object(body)
                )
            )
        case .schedulingRequest(let kind, let id, let request):
            self = .schedulingRequest(
                SchedulingRequestNotification(
                    kind: kind,
                    schedulingRequestID: id,
                    schedulingRequest: object(request)
                )
            )
        case .schedulingCompleted(let event, let body):
            self = .schedulingCompleted(SchedulingCompleted(event: object(event), body: object(body)))
        case .delegatedAuthorization(let code, let error, let errorDescription, let state):
            self = .delegatedAuthorization(
                DelegatedAuthorization(
                    code: code.map(Secret.init),
                    error: error,
                    errorDescription: errorDescription,
                    state: state.map(Secret.init)
                )
            )
        case .unknown(let body):
            let value = try? JSONDecoder().decode(JSONValue.self, from: Data(body.utf8))
            self = .unknown(value ?? .null)
        }
    }
}

/// What a channel reports.
public struct ChannelEvent: OpenEnum {
    /// The word as Cronofy writes it.
    public let rawValue: String

    /// Makes one of the word as Cronofy writes it.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The channel was just made. Answer 2xx.
    public static let verification = Self(rawValue: "verification")
    /// Something changed: read events with `lastModified` set to the time of ``ChannelNotification/changesSince``.
    public static let change = Self(rawValue: "change")
    /// A calendar profile was disconnected: ask its owner to reconnect it.
    public static let profileDisconnected = Self(rawValue: "profile_disconnected")
    /// A conferencing profile was disconnected.
    public static let conferencingProfileDisconnected = Self(rawValue: "conferencing_profile_disconnected")
    /// All calendars of a profile have been read for the first time.
    public static let profileInitialSyncCompleted = Self(rawValue: "profile_initial_sync_completed")
    /// The account asks for erasure of its data.
    public static let gdprRequested = Self(rawValue: "gdpr_requested")
}

/// A notification of a channel.
public struct ChannelNotification: Hashable, Sendable {
    /// What happened.
    public let kind: ChannelEvent
    /// For a change: since when.
    public let changesSince: Time?
    /// The channel's id.
    public let channelID: String
    /// The whole body, for what is not named here: the channel's filters, ids of conversations.
    public let body: [String: JSONValue]
}

/// A notification of a subscription.
public struct EventSubscriptionNotification: Hashable, Sendable {
    /// What happened, for example `conferencing_assigned`; empty for a trigger by time.
    public let interactions: [String]
    /// The event, by wire names.
    public let event: [String: JSONValue]
    /// The whole body.
    public let body: [String: JSONValue]
}

/// An answer to a smart invite.
public struct SmartInviteReply: Hashable, Sendable {
    /// The id that you gave the invite.
    public let smartInviteID: String
    /// Who answered.
    public let email: String?
    /// `accepted`, `declined`, `tentative`, or another word.
    public let status: String?
    /// What the recipient wrote.
    public let comment: String?
    /// The whole body: the proposal, the recipient, the event.
    public let body: [String: JSONValue]
}

/// News of a scheduling request.
public struct SchedulingRequestNotification: Hashable, Sendable {
    /// What happened, for example `scheduling_request_time_chosen`.
    public let kind: String
    /// The request's id.
    public let schedulingRequestID: String?
    /// The request, by wire names.
    public let schedulingRequest: [String: JSONValue]
}

/// A slot was picked on a real-time scheduling page.
public struct SchedulingCompleted: Hashable, Sendable {
    /// The event with its start and end, by wire names.
    public let event: [String: JSONValue]
    /// The whole body: participants, user.
    public let body: [String: JSONValue]
}

/// The outcome of a delegated authorization.
public struct DelegatedAuthorization: Sendable {
    /// The code, if it was granted.
    public let code: Secret?
    /// The error, if it was not.
    public let error: String?
    /// A sentence about the error.
    public let errorDescription: String?
    /// The state that the request carried. Compare it with what you kept.
    public let state: Secret?
}

/// Remembers what has been processed, so that a notification which is sent again does nothing.
///
/// Cronofy's notifications have no id and no time, so a repetition is told by its body alone, and only within this
/// process: use it where doing a thing twice would hurt, and keep the window short.
public final class ReplayGuard: Sendable {
    private let native: NativeReplayGuard

    /// Remembers bodies for `window`, and at most `capacity` of them.
    public init(window: Duration, capacity: UInt32) throws {
        native = try calling { try NativeReplayGuard(windowMs: window.milliseconds, capacity: capacity) }
    }

    /// Whether this body comes for the first time within the window, and remembers it if so.
    public func firstTime(_ body: Data) throws -> Bool { try calling { try native.firstTime(body: body) } }

    /// Forgets a body whose processing failed, so that Cronofy's next try counts.
    public func forget(_ body: Data) throws { try calling { try native.forget(body: body) } }
}
