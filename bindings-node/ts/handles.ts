/** The handles: an organization, an account, a service account, and the client with an Admin API key. */

import { AccountAreas, ClientAreas, OrganizationAreas, ServiceAccountAreas } from './api/handles.js';
import { text } from './arguments.js';
import type { Batch, Verdict } from './batch.js';
import { verdictsOf } from './batch.js';
import { Caller, type CallOptions } from './call.js';
import { now } from './channel.js';
import { callerOf } from './handle.js';
import type { Handle as NativeHandle } from './native.js';

/** Makes the handle of an organization. For this package alone, as the three that follow. */
export let organizationOf: (caller: Caller) => Organization;
export let accountOf: (caller: Caller) => Account;
export let serviceAccountOf: (caller: Caller) => ServiceAccount;
export let adminOf: (caller: Caller) => AdminClient;

/**
 * An organization: its members and resources, its scheduling requests, and anyone in it through
 * {@link Organization.impersonate}.
 *
 * @example
 * ```ts
 * const organization = client.organization('opu_5700a00eb0ccd07000000000');
 * const doc = await organization.impersonateEmail('doc@example.com');
 * ```
 */
export class Organization extends OrganizationAreas {
  static {
    organizationOf = (caller) => new Organization(caller);
  }

  private constructor(caller: Caller) {
    super(caller);
  }

  /**
   * Acts as the member with this `sub`. No I/O: whether there is such a member is Cronofy's to say at the first call.
   *
   * @throws {@link InvalidError}, naming `sub`, for a text that no `sub` can be.
   */
  impersonate(sub: string): Account {
    const { native, life, options } = callerOf(this);
    const member = now(() => native.impersonate(text('sub', sub)));
    return accountOf(new Caller(member, life).with(options));
  }

  /**
   * Acts as the member with this e-mail address, which is looked up in the member list (all of its pages, kept for a
   * minute).
   *
   * @throws {@link NotFoundError} if no member has the address, {@link InvalidError} if several have, both naming `email`.
   */
  async impersonateEmail(email: string, options?: CallOptions): Promise<Account> {
    const caller = callerOf(this);
    const member = await caller.act<NativeHandle>(
      (native, mayBeCancelled) => (channel, id) => {
        native.impersonateEmail(channel, id, text('email', email), mayBeCancelled);
      },
      options,
    );
    return accountOf(new Caller(member, caller.life).with(caller.options));
  }
}

/** An account: a member who is impersonated, or a connection of Individual Connect. */
export class Account extends AccountAreas {
  static {
    accountOf = (caller) => new Account(caller);
  }

  private constructor(caller: Caller) {
    super(caller);
  }

  /** The `sub` that calls are made as, for a member who is impersonated. */
  get sub(): string | undefined {
    return callerOf(this).native.sub() ?? undefined;
  }

  /**
   * Sends a batch, and returns the verdict on each entry in the order in which they were added: its reply, which mostly has
   * no content, or the error that the same call would have ended with by itself.
   *
   * @throws what keeps the batch as a whole from being carried out; the verdicts then don't exist.
   */
  async sendBatch(batch: Batch, options?: CallOptions): Promise<Verdict[]> {
    return verdictsOf(callerOf(this), batch, options);
  }
}

/** A service account: a connection of Enterprise Connect. */
export class ServiceAccount extends ServiceAccountAreas {
  static {
    serviceAccountOf = (caller) => new ServiceAccount(caller);
  }

  private constructor(caller: Caller) {
    super(caller);
  }
}

/** The client with an Admin API key as its credential, for provisioning applications. */
export class AdminClient extends ClientAreas {
  static {
    adminOf = (caller) => new AdminClient(caller);
  }

  private constructor(caller: Caller) {
    super(caller);
  }
}
