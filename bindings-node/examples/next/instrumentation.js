// Next.js tells of errors that no route has handled here: the place for a log.
export function onRequestError(error) {
  globalThis.unhandled?.(error);
}
