/**
 * What needs no native code: authorization URLs, callbacks and webhook checks, for edge runtimes and browsers' workers. Texts
 * that are kept in sessions are the same as those of `Client`, so that either may go on with what the other has begun.
 *
 * @packageDocumentation
 */

export {
  AuthorizationError,
  ConfigError,
  InvalidError,
  OrgconnectError,
  type ErrorKind,
  type FieldError,
} from '../errors.js';
export { authorize, type EdgeAuthorizationRequest, type EdgePending, type Flow } from './authorize.js';
export { readCallback, type EdgeCallback } from './callback.js';
export { type DataCenter, type EdgeSettings } from './settings.js';
export { verifyWebhook } from './webhook.js';
