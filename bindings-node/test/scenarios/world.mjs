// The world of a scenario: a sandbox of its own, set up and inspected through the sandbox's control API alone.
import { Client, ManualClock } from 'orgconnect';
import { Sandbox } from 'orgconnect/testing';

import { Names } from './names.mjs';

/** Where the browser is sent back to; nothing listens there. */
const REDIRECT_URI = 'http://127.0.0.1:9/callback';

export class World {
  names = new Names();
  /** What calls are made on, by the scenario's names. */
  connections = new Map();
  #subs = {};

  /** Starts a sandbox and brings it about that everything is as given. */
  static async open(given = {}) {
    const {
      seed = 7,
      now = '2031-03-03T09:00:00Z',
      settings,
      application = {},
      connections = {},
      faults = [],
    } = given;
    const world = new World();
    world.sandbox = await Sandbox.start({ seed });
    try {
      await world.#prepare({ now, settings, application });
      for (const name of Object.keys(connections).sort()) await world.#connect(name, connections[name]);
      for (const fault of faults) await world.control('POST', '/sandbox/faults', world.names.resolve(fault));
      await world.control('DELETE', '/sandbox/counters');
      return world;
    } catch (error) {
      world.sandbox.stop();
      throw error;
    }
  }

  async #prepare({ now, settings, application }) {
    const { sandbox, names } = this;
    if (now !== 'real') {
      await this.control('POST', '/sandbox/clock', { freeze_at: now });
      this.clock = new ManualClock(now);
    }
    if (settings) await this.control('PATCH', '/sandbox/settings', settings);
    names.put('sandbox', sandbox.url);
    await this.#namePeople();
    const fields = { name: 'Rota' };
    if (application.internal_to)
      fields.internal_to = names.resolve(`$organizations/${application.internal_to}`);
    const created = await this.control('POST', '/sandbox/applications', fields);
    names.put('application', { client_id: created.client_id });
    this.client = new Client({
      clientId: created.client_id,
      clientSecret: created.client_secret,
      baseUrl: sandbox.url,
      clock: this.clock,
    });
  }

  control(method, path, body) {
    return this.sandbox.control(method, path, body);
  }

  /** What a person's browser does with an address, and with the fields of a form. */
  async visit(method, address, form) {
    const url = address.startsWith('http') ? address : this.sandbox.url + address;
    const headers = { accept: 'text/html' };
    const init = { method, headers, redirect: 'manual' };
    if (method === 'POST') {
      headers.origin = this.sandbox.url;
      init.body = new URLSearchParams(Object.entries(form).map(([name, value]) => [name, String(value)]));
    }
    const response = await fetch(url, init);
    const location = response.headers.get('location');
    return { status: response.status, page: { location, text: await response.text() } };
  }

  async requestsAfter(number) {
    return (await this.sandbox.requests()).filter((request) => request.number > number);
  }

  async newestRequest() {
    return (await this.sandbox.requests()).at(-1)?.number ?? 0;
  }

  /** Moves both clocks on. */
  async advance(seconds) {
    await this.control('POST', '/sandbox/clock', { advance_ms: seconds * 1000 });
    if (!this.clock) throw new Error("a scenario on the real clock can't move it");
    this.clock.advance(seconds * 1000);
  }

  async close() {
    await this.client.close();
    this.sandbox.stop();
  }

  async #connect(name, connection) {
    const [kind] = Object.keys(connection);
    const given = connection[kind];
    const words = (scope = '') => scope.split(' ').filter(Boolean);
    const request = { redirectUri: REDIRECT_URI, connectionId: name };
    let connected;
    let sub = null;
    switch (kind) {
      case 'organization':
        [connected, sub] = await this.#authorize(this.client.authorize(request), given);
        connected = connected.organization;
        break;
      case 'account': {
        const scopes = { scopes: words(given.scope), delegatedScopes: words(given.delegated_scope) };
        [connected, sub] = await this.#authorize(
          this.client.authorizeIndividual({ ...request, ...scopes }),
          given.by,
        );
        connected = connected.account;
        break;
      }
      case 'service_account': {
        const scopes = { scopes: words(given.scope), delegatedScopes: words(given.delegated_scope) };
        [connected, sub] = await this.#authorize(
          this.client.authorizeEnterprise({ ...request, ...scopes }),
          given.by,
        );
        connected = connected.serviceAccount;
        break;
      }
      case 'internal':
        connected = this.client.internalOrganization();
        break;
      case 'application_calendar': {
        connected = await this.client.applicationCalendar(given);
        const { connections } = await this.control('GET', '/sandbox/connections');
        sub = connections.findLast((known) => known.kind === 'application_calendar')?.sub ?? null;
        break;
      }
      case 'admin': {
        const organization_id = this.names.text(`$organizations/${given}`);
        const { admin_api_key } = await this.control('POST', '/sandbox/admin_api_keys', { organization_id });
        connected = this.client.admin(admin_api_key);
        break;
      }
      default:
        throw new Error(`${name}: ${kind} is no way to connect`);
    }
    this.connections.set(name, connected);
    this.#subs[name] = sub;
    this.names.put('connections', this.#subs);
  }

  async #authorize(pending, approver) {
    const callback = await this.sandbox.approve(pending, approver);
    const connection = await this.client.complete(String(pending), callback);
    const summary = await connection.summary();
    // Service accounts are named by another field of the token reply.
    return [connection, summary.sub ?? summary.extra.service_account_id ?? null];
  }

  /** `$organizations/<name>` is an id, `$members/<email>` and `$resources/<email>` are `sub`s. */
  async #namePeople() {
    const ids = {};
    const people = { members: {}, resources: {} };
    const { organizations } = await this.control('GET', '/sandbox/organizations');
    for (const { organization_id: id, name } of organizations) {
      ids[name] = id;
      for (const kind of ['members', 'resources']) {
        const found = await this.control('GET', `/sandbox/organizations/${id}/${kind}`);
        for (const { email, sub } of found[kind]) people[kind][email] = sub;
      }
    }
    this.names.put('organizations', ids);
    this.names.put('members', people.members);
    this.names.put('resources', people.resources);
  }
}
