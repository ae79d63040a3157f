// As much of a browser as the tests need: cookies, and redirects that are looked at before they are followed. It finds the application
// at its public origin, as behind a proxy that ends TLS.
import assert from 'node:assert/strict';

/** Where browsers find the applications. */
export const ORIGIN = 'https://portal.clinic.example';

export class Browser {
  #cookies = new Map();
  #server;

  /** `server` is where the application really listens. */
  constructor(server) {
    this.#server = server;
  }

  get cookies() {
    return new Map(this.#cookies);
  }

  /** Plants a cookie, or removes it. */
  setCookie(name, value) {
    if (value === undefined) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }

  /** Opens an address and follows nothing. */
  async open(address, { method = 'GET', headers = {}, body } = {}) {
    const url = new URL(address, ORIGIN);
    assert.equal(url.origin, ORIGIN, `${address} is not the application's`);
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.#server + url.pathname + url.search, {
      method,
      body,
      redirect: 'manual',
      headers: { accept: 'text/html', ...headers, ...(cookie && { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) this.#take(line);
    return response;
  }

  async signIn(tenant) {
    const headers = { 'content-type': 'application/json' };
    const response = await this.open('/sign-in', {
      method: 'POST',
      headers,
      body: JSON.stringify({ tenant }),
    });
    assert.equal(response.status, 204);
  }

  #take(line) {
    const [pair, ...attributes] = line.split(/;\s*/);
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const has = (attribute) => attributes.some((own) => own.toLowerCase() === attribute);
    // What browsers ask of such names.
    if (name.startsWith('__Host-')) assert.ok(has('secure') && has('path=/') && !/domain=/i.test(line), line);
    assert.ok(has('httponly') && has('samesite=lax'), line);
    if (has('max-age=0')) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
