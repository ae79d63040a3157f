// Stands for your own sign-in: a cookie that names the tenant, with a signature so that nobody can write one. A real application has
// users, passwords and a session here; what the adapters need of it is the tenant.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const key = randomBytes(32);
const signature = (tenant) => createHmac('sha256', key).update(tenant).digest('base64url');

/** The cookie of whoever signed in for a tenant. */
export const signedIn = (tenant) =>
  `session=${encodeURIComponent(tenant)}.${signature(tenant)}; Path=/; HttpOnly; SameSite=Lax`;

/** The tenant of whoever makes a request, by its `Cookie` header. */
export function tenantOf(cookies) {
  const [, name, given] = /(?:^|;\s*)session=([^.;]+)\.([\w-]+)/.exec(cookies ?? '') ?? [];
  if (name === undefined) return undefined;
  const tenant = decodeURIComponent(name);
  const right = Buffer.from(signature(tenant));
  const claimed = Buffer.from(given);
  return right.length === claimed.length && timingSafeEqual(right, claimed) ? tenant : undefined;
}
