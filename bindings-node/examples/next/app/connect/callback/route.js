import { calendars } from '../../../lib/calendars.js';

export const GET = calendars.callback;
