/** Requests and answers in the form of the Web: what Hono and Next.js route handlers have in common. */

import { ConnectFlow, type Answer } from './connect.js';
import { BodyParts } from './received.js';
import { parsedAlready, WebhookReceiver } from './webhook.js';

/** An answer as a `Response`. */
export function responseOf({ status, headers, text }: Answer): Response {
  return new Response(text === '' ? null : text, { status, headers });
}

/** Begins an authorization. */
export async function beginWeb<R>(flow: ConnectFlow<R>, request: R, web: Request): Promise<Response> {
  return responseOf(await flow.begin(request, new URL(web.url).search));
}

/** Completes one. */
export async function finishWeb<R>(flow: ConnectFlow<R>, request: R, web: Request): Promise<Response> {
  return responseOf(await flow.finish(request, new URL(web.url).search || '?', web.headers.get('cookie')));
}

/** Sends whoever looks at a page to `connect` if only a new authorization helps. */
export function reconnectWeb<R>(flow: ConnectFlow<R>, error: unknown, web: Request): Response | undefined {
  const { method, url } = web;
  const answer = flow.reconnect(error, { method, url, accept: web.headers.get('accept') });
  return answer && responseOf(answer);
}

/** Receives a notification. */
export async function receiveWeb<R>(
  receiver: WebhookReceiver<R>,
  request: R,
  web: Request,
  mend: string,
): Promise<Response> {
  if (web.bodyUsed) throw parsedAlready(mend);
  const body = await read(web, receiver.maxBytes);
  if (body === undefined) return responseOf(receiver.tooLong());
  return responseOf(await receiver.receive(web.headers.get('cronofy-hmac-sha256'), body, request));
}

/** The body; `undefined` if it is too long. */
async function read(web: Request, longest: number): Promise<Uint8Array | undefined> {
  if (Number(web.headers.get('content-length') ?? 0) > longest) return undefined;
  const parts = new BodyParts(longest);
  const reader = web.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    if (parts.add(part.value)) continue;
    await reader?.cancel();
    return undefined;
  }
  return parts.whole();
}
