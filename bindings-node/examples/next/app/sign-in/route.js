import { signedIn } from '../../../session.mjs';

export async function POST(request) {
  const { tenant } = await request.json();
  return new Response(null, { status: 204, headers: { 'set-cookie': signedIn(tenant) } });
}
