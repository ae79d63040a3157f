// Where notifications go: in a real application, into a queue.
export const inbox = [];

export async function receive(notification) {
  await globalThis.received?.(notification);
  inbox.push(notification);
}
