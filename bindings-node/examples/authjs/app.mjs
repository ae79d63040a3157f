// Sign-in with Auth.js, on its core, which `next-auth` and the packages for other frameworks are made of.
import { Auth, customFetch } from '@auth/core';
import { cronofy } from 'orgconnect/authjs';

/** The application, as a function of requests. Without `scopes` an organization signs in, in place of a person. */
export function createApp({ client, secret, scopes }) {
  const config = {
    basePath: '/auth',
    trustHost: true,
    secret,
    providers: [cronofy({ client, customFetch, scopes })],
    callbacks: {
      // The connection rides in the session's token, so that later requests can act for whoever signed in.
      jwt: ({ token, account }) => (account ? { ...token, connection: account.providerAccountId } : token),
      session: ({ session, token }) => ({ ...session, connection: token.connection }),
    },
    logger: { error() {}, warn() {}, debug() {} },
  };
  return async (request) => {
    const { pathname, origin } = new URL(request.url);
    if (pathname.startsWith('/auth/')) return Auth(request, config);
    if (pathname === '/calendars') {
      const headers = { cookie: request.headers.get('cookie') ?? '' };
      const session = await (await Auth(new Request(`${origin}/auth/session`, { headers }), config)).json();
      if (!session?.connection) return new Response('sign in first\n', { status: 401 });
      const { calendars } = await client.account(session.connection).calendars.list();
      return Response.json(calendars.map(({ calendar_name: name }) => name));
    }
    return new Response('not found\n', { status: 404 });
  };
}
