import { calendars } from '../../../lib/calendars.js';
import { receive } from '../../../lib/inbox.js';

export const POST = (request) => calendars().webhook(receive)(request);
