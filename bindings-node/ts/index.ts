/**
 * Connect an organization's calendars through Cronofy's Organization Connect, and act as any of its members.
 *
 * @packageDocumentation
 */

export * from './api/index.js';
export {
  PendingAuthorization,
  type AuthorizationRequest,
  type CallbackInput,
  type EnterpriseAuthorizationRequest,
  type Flow,
  type IndividualAuthorizationRequest,
} from './authorization.js';
export { Batch, type Verdict } from './batch.js';
export { Reply, type Call, type CallOptions, type ReplyInfo, type WithResponse } from './call.js';
export { Client } from './client.js';
export { ManualClock } from './clock.js';
export {
  Connection,
  type ConnectionKind,
  type ConnectionState,
  type ConnectionSummary,
  type SignalOption,
} from './connection.js';
export { EmbedTokens } from './embed.js';
export {
  AuthorizationError,
  ConfigError,
  DecodeError,
  InvalidError,
  LockedError,
  NetworkError,
  NotFoundError,
  OrgconnectError,
  PermissionError,
  PlanError,
  RateLimitedError,
  ServerError,
  StoreError,
  TimeoutError,
  type ErrorDetails,
  type ErrorKind,
  type FieldError,
  type StoreErrorCode,
} from './errors.js';
export { Handle, type RequestOptions } from './handle.js';
export { Account, AdminClient, Organization, ServiceAccount } from './handles.js';
export type * from './notifications.js';
export { Pages } from './pages.js';
export { Refresher, type RefresherSettings, type RefresherStats } from './refresher.js';
export { Secret } from './secret.js';
export {
  CRONOFY_RATE_LIMIT,
  type ClientSettings,
  type DataCenter,
  type RateLimit,
  type RetryPolicy,
} from './settings.js';
export {
  checkStore,
  FileStore,
  KeyringStore,
  MemoryStore,
  migrate,
  openStore,
  PostgresStore,
  RedisStore,
  SealedStore,
  SqliteStore,
  Store,
  type Awaitable,
  type ConnectionKey,
  type Lease,
  type ListedRecord,
  type ListQuery,
  type Migrated,
  type Rewrapped,
  type StoredRecord,
  type TokenRecord,
  type TokenStore,
} from './store.js';
export { ReplayGuard, SIGNATURE_HEADER, Webhooks, type RawBody } from './webhooks.js';
