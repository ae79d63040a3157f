/** What goes wrong: one class for each thing that a caller can do about it, all of them an {@link OrgconnectError}. */

/** What the caller should do about an error. */
export type ErrorKind =
  | 'config'
  | 'authorization'
  | 'permission'
  | 'not_found'
  | 'invalid'
  | 'rate_limited'
  | 'locked'
  | 'plan'
  | 'server'
  | 'network'
  | 'timeout'
  | 'decode'
  | 'store';

/** One complaint about one field. */
export interface FieldError {
  /** A stable key, for example `errors.required`. */
  key: string;
  /** A sentence for people. */
  description: string;
}

/** What an error is made of, beside its message. */
export interface ErrorDetails {
  status?: number | undefined;
  code?: string | undefined;
  needsReauthorization?: boolean | undefined;
  isTransient?: boolean | undefined;
  retryAfter?: number | undefined;
  requestId?: string | undefined;
  fields?: Record<string, FieldError[]> | undefined;
  body?: string | undefined;
  cause?: unknown;
}

/**
 * What went wrong, what it means and what to do about it. Its class, or its `kind`, says what the caller should do.
 *
 * Neither its message nor what `console.log` and `JSON.stringify` show of it holds a secret or the body of an answer.
 */
export class OrgconnectError extends Error {
  /** What the caller should do. */
  declare readonly kind: ErrorKind;
  /** The HTTP status, when an answer was received. */
  declare readonly status: number | undefined;
  /** A stable word for the exact reason, for example `invalid_grant`, `access_denied` or `state_mismatch`. */
  declare readonly code: string | undefined;
  /** Whether only a new authorization by the owner can help. */
  declare readonly needsReauthorization: boolean;
  /** Whether the same call may succeed later without any change. */
  declare readonly isTransient: boolean;
  /** How many milliseconds to wait before the next try, when that is known. */
  declare readonly retryAfter: number | undefined;
  /** The id that the server gave the request, to quote to support. */
  declare readonly requestId: string | undefined;
  /** The complaints by field, with the wire name of the argument (dotted for nested ones). */
  declare readonly fields: Readonly<Record<string, readonly FieldError[]>>;
  /** The body of the answer, as received. Answers of the token endpoint are never kept. */
  declare readonly body: string | undefined;

  /** Makes one; the SDK does, and stores of your own may. */
  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    const fields = details.fields ?? {};
    show(this, 'name', nameOf(kind), false);
    show(this, 'kind', kind, true);
    show(this, 'status', details.status, details.status !== undefined);
    show(this, 'code', details.code, details.code !== undefined);
    show(
      this,
      'needsReauthorization',
      details.needsReauthorization ?? false,
      details.needsReauthorization === true,
    );
    show(this, 'isTransient', details.isTransient ?? false, details.isTransient === true);
    show(this, 'retryAfter', details.retryAfter, details.retryAfter !== undefined);
    show(this, 'requestId', details.requestId, details.requestId !== undefined);
    show(this, 'fields', fields, Object.keys(fields).length > 0);
    // It may hold personal data, so it is there for those who ask for it and in no log.
    show(this, 'body', details.body, false);
  }

  /** What `JSON.stringify` writes: everything but the body, the cause and the stack. */
  toJSON(): Record<string, unknown> {
    return Object.assign({ name: this.name, message: this.message } as Record<string, unknown>, this);
  }
}

/** The client is set up wrongly: mend the configuration. */
export class ConfigError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('config', message, details);
  }
}

/** Nobody is authorized: if `needsReauthorization`, send the owner through `authorize` again. */
export class AuthorizationError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('authorization', message, details);
  }
}

/** Somebody is authorized, but not for this: ask for the scope or the permission that is missing. */
export class PermissionError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('permission', message, details);
  }
}

/** What was asked for does not exist, or is not visible to this authorization. */
export class NotFoundError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('not_found', message, details);
  }
}

/** An argument is wrong: `fields` names it. */
export class InvalidError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('invalid', message, details);
  }
}

/** Too many requests: wait for `retryAfter`. */
export class RateLimitedError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('rate_limited', message, details);
  }
}

/** The account or profile can't be written to now: ask its owner to reconnect it. */
export class LockedError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('locked', message, details);
  }
}

/** The plan of the application doesn't include the feature. */
export class PlanError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('plan', message, details);
  }
}

/** Cronofy failed: try again later. */
export class ServerError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('server', message, details);
  }
}

/** Cronofy could not be reached, or the connection broke. */
export class NetworkError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('network', message, details);
  }
}

/** The deadline passed before an answer was there. */
export class TimeoutError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('timeout', message, details);
  }
}

/** The answer could not be understood. */
export class DecodeError extends OrgconnectError {
  constructor(message: string, details?: ErrorDetails) {
    super('decode', message, details);
  }
}

/** What a store says about its failure, by its `code`. */
export type StoreErrorCode = 'store_conflict' | 'store_unavailable' | 'store_unreadable' | 'store_refused';

/**
 * The token store failed or is not readable.
 *
 * A store of your own throws one to say which kind of failure it is; anything else that it throws counts as
 * `store_unavailable`.
 */
export class StoreError extends OrgconnectError {
  constructor(
    message: string,
    details?: ErrorDetails & { code?: StoreErrorCode | (string & {}) | undefined },
  ) {
    super('store', message, details);
  }

  /** The version was another one: nothing was written. */
  static conflict(): StoreError {
    return new StoreError('the record was changed by somebody else; read it again', {
      code: 'store_conflict',
    });
  }
}

type ErrorClass = new (message: string, details?: ErrorDetails) => OrgconnectError;

const CLASSES: Record<ErrorKind, ErrorClass> = {
  config: ConfigError,
  authorization: AuthorizationError,
  permission: PermissionError,
  not_found: NotFoundError,
  invalid: InvalidError,
  rate_limited: RateLimitedError,
  locked: LockedError,
  plan: PlanError,
  server: ServerError,
  network: NetworkError,
  timeout: TimeoutError,
  decode: DecodeError,
  store: StoreError,
};

/**
 * An error of the class that its kind asks for.
 *
 * @internal
 */
export function errorOf(kind: ErrorKind, message: string, details: ErrorDetails): OrgconnectError {
  return new CLASSES[kind](message, details);
}

/**
 * A complaint about one argument or setting, in the words and the form of the core's own.
 *
 * @internal
 */
export function complaint(
  kind: 'config' | 'invalid',
  field: string,
  why: string,
  cause?: unknown,
): OrgconnectError {
  const fields = { [field]: [{ key: 'errors.invalid', description: why }] };
  return errorOf(kind, `${field}: ${why}`, { fields, cause });
}

/** The name of a kind's class, whatever a bundler makes of the class itself. */
function nameOf(kind: ErrorKind): string {
  const words = kind.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join('')}Error`;
}

function show(error: OrgconnectError, name: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, name, { value, enumerable, configurable: true, writable: false });
}
