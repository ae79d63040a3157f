/** What Cronofy posts to you, as types. */

/** What a channel reports: one of these, or another word as it came. */
export type ChannelEvent =
  | 'verification'
  | 'change'
  | 'profile_disconnected'
  | 'conferencing_profile_disconnected'
  | 'profile_initial_sync_completed'
  | 'gdpr_requested'
  | (string & {});

/** An object by wire names. */
export type WireObject = Record<string, unknown>;

/** Something happened to what a channel watches. */
export interface ChannelNotification {
  readonly kind: 'channel';
  /** What happened. */
  readonly event: ChannelEvent;
  /** Of a change: read events with `last_modified` set to this instant, which is as it came. */
  readonly changesSince: string | undefined;
  /** The channel's id. */
  readonly channelId: string;
  /** The whole body, for what is not named here: the channel's filters, ids of conversations. */
  readonly body: WireObject;
}

/** A trigger of an event, its conferencing or its meeting agent. */
export interface EventSubscriptionNotification {
  readonly kind: 'event_subscription';
  /** What happened, for example `conferencing_assigned`; empty for a trigger by time. */
  readonly interactions: readonly string[];
  /** The event, by wire names. */
  readonly event: WireObject;
  /** The whole body. */
  readonly body: WireObject;
}

/** A recipient answered a smart invite. */
export interface SmartInviteNotification {
  readonly kind: 'smart_invite';
  /** The id that you gave the invite. */
  readonly smartInviteId: string;
  /** Who answered. */
  readonly email: string | undefined;
  /** `accepted`, `declined`, `tentative`, or another word. */
  readonly status: string | undefined;
  /** What the recipient wrote. */
  readonly comment: string | undefined;
  /** The whole body: the proposal, the recipient, the event. */
  readonly body: WireObject;
}

/** A scheduling request moved on. */
export interface SchedulingRequestNotification {
  readonly kind: 'scheduling_request';
  /** What happened, for example `scheduling_request_time_chosen`. */
  readonly event: string;
  /** The request's id. */
  readonly schedulingRequestId: string | undefined;
  /** The request, by wire names. */
  readonly schedulingRequest: WireObject;
}

/** A slot was picked on a real-time scheduling page. */
export interface SchedulingCompletedNotification {
  readonly kind: 'scheduling_completed';
  /** The event with its start and end, by wire names. */
  readonly event: WireObject;
  /** The whole body: participants, user. */
  readonly body: WireObject;
}

/** A delegated authorization was granted or refused; a code goes to `client.completeDelegated`. */
export interface DelegatedAuthorizationNotification {
  readonly kind: 'delegated_authorization';
  /** The code, if it was granted. It is a secret. */
  readonly code: string | undefined;
  /** The error, if it was not. */
  readonly error: string | undefined;
  /** A sentence about the error. */
  readonly errorDescription: string | undefined;
  /** The state that the request carried. Compare it with what you kept. */
  readonly state: string | undefined;
}

/** Anything else, as it came. */
export interface UnknownNotification {
  readonly kind: 'unknown';
  /** The body. */
  readonly body: unknown;
}

/** What Cronofy says. Kinds that this version doesn't know are `unknown`, never an error. */
export type Notification =
  | ChannelNotification
  | EventSubscriptionNotification
  | SmartInviteNotification
  | SchedulingRequestNotification
  | SchedulingCompletedNotification
  | DelegatedAuthorizationNotification
  | UnknownNotification;
