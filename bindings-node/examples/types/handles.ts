// What only a client makes can't be made with `new`: each line that follows `@ts-expect-error` must not compile.
import {
  Account,
  AdminClient,
  Client,
  Connection,
  Handle,
  Organization,
  Pages,
  PendingAuthorization,
  Refresher,
  Reply,
  ServiceAccount,
  Store,
  type EventsApi,
} from 'orgconnect';
import { Sandbox } from 'orgconnect/testing';

export function refused(): void {
  // @ts-expect-error
  new Connection();
  // @ts-expect-error
  new Organization();
  // @ts-expect-error
  new Account();
  // @ts-expect-error
  new ServiceAccount();
  // @ts-expect-error
  new AdminClient();
  // @ts-expect-error
  new Handle();
  // @ts-expect-error
  new Pages();
  // @ts-expect-error
  new PendingAuthorization();
  // @ts-expect-error
  new Refresher();
  // @ts-expect-error
  new Reply();
  // @ts-expect-error
  new Store();
  // @ts-expect-error
  new Sandbox();
  // @ts-expect-error
  new Client();
  // @ts-expect-error The areas are types: a handle has them.
  new EventsApi();
}

/** They are types all the same, and tell objects apart. */
export function known(value: unknown, events: EventsApi): string | undefined {
  events satisfies Account['events'];
  if (value instanceof Connection) return value.id;
  return value instanceof Account ? value.sub : undefined;
}
