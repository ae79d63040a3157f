// What goes wrong when something reads the body first.
import { calendars } from '../../../lib/calendars.js';
import { receive } from '../../../lib/inbox.js';

export async function POST(request) {
  await request.json();
  return calendars().webhook(receive)(request);
}
