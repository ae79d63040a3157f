// Sign-in with Passport on Express: people connect their calendar, and are known by it.
import express from 'express';
import session from 'express-session';
import { Strategy } from 'orgconnect/passport';
import passport from 'passport';

/** The application. `users` is a map from id to user; `secret` signs the session's cookie. */
export function createApp({ client, origin, users, secret }) {
  const app = express();
  const passports = new passport.Passport();
  passports.use(
    new Strategy(
      { client, redirectUri: `${origin}/sign-in/callback`, scopes: ['read_account', 'list_calendars'] },
      async (connection) => {
        const { sub, email } = await connection.account.userinfo.read();
        if (email.endsWith('@elsewhere.example')) return false;
        const user = { id: sub, email };
        users.set(sub, user);
        return user;
      },
    ),
  );
  passports.serializeUser((user, done) => done(null, user.id));
  passports.deserializeUser((id, done) => done(null, users.get(id) ?? false));

  app.use(session({ secret, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }));
  app.use(passports.session());
  app.get('/sign-in', passports.authenticate('cronofy'));
  app.get('/sign-in/callback', passports.authenticate('cronofy', { successRedirect: '/calendars' }));
  app.get('/calendars', async (request, response) => {
    if (!request.user) return response.status(401).send('sign in first\n');
    const { calendars } = await client.account(request.user.id).calendars.list();
    response.json(calendars.map(({ calendar_name: name }) => name));
  });
  return app;
}
