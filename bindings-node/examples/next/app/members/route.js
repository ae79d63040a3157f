import { calendars } from '../../lib/calendars.js';

export const GET = (request, context) =>
  calendars().route(async (_request, clinic) => {
    const members = await clinic.members.list().all();
    return Response.json(members.map(({ email }) => email));
  })(request, context);
