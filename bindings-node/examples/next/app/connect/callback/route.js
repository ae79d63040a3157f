import { calendars } from '../../../lib/calendars.js';

export const GET = (request) => calendars().callback(request);
