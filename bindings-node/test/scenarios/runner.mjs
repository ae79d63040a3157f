// Takes a scenario's steps one after the other: makes the call on the handle that the step names, and compares what came with
// what is expected.
import { OrgconnectError } from 'orgconnect';

import { matches } from './matching.mjs';
import { World } from './world.mjs';

const KEYS = {
  scenario: ['scenario', 'given', 'steps'],
  given: ['seed', 'now', 'settings', 'application', 'connections', 'faults'],
  verbs: ['call', 'follow', 'revoke', 'control', 'visit', 'advance', 'counters'],
  step: ['via', 'as', 'operation', 'with', 'together', 'attempts', 'name', 'reply', 'error', 'sent'],
  reply: ['status', 'body', 'empty', 'next_page'],
  error: ['kind', 'status', 'code', 'fields', 'needs_reauthorization', 'transient'],
};

/** Refuses what the format does not know. */
export function check(scenario) {
  const only = (value, keys, place) => {
    for (const key of Object.keys(value ?? {}))
      if (!keys.includes(key)) throw new Error(`${place}: ${key} is unknown`);
  };
  only(scenario, KEYS.scenario, 'the scenario');
  only(scenario.given, KEYS.given, 'given');
  if (!Array.isArray(scenario.steps)) throw new Error('steps: are missing');
  for (const [index, step] of scenario.steps.entries()) {
    only(step, [...KEYS.verbs, ...KEYS.step], `step ${index + 1}`);
    only(step.reply, KEYS.reply, `step ${index + 1}: reply`);
    only(step.error, KEYS.error, `step ${index + 1}: error`);
    if (KEYS.verbs.filter((verb) => step[verb] !== undefined).length !== 1) {
      throw new Error(`step ${index + 1}: must have one verb`);
    }
  }
}

/** Runs a scenario in a world of its own. */
export async function run(scenario) {
  check(scenario);
  const world = await World.open(scenario.given);
  try {
    for (const [index, step] of scenario.steps.entries()) {
      try {
        await runStep(world, step);
      } catch (error) {
        const verb = KEYS.verbs.find((known) => step[known] !== undefined);
        throw new Error(`step ${index + 1} (${verb} ${step[verb]}): ${error.message}`, { cause: error });
      }
    }
  } finally {
    await world.close();
  }
}

async function runStep(world, step) {
  // Resolving an e-mail address reads the member list, which is no request of the step's own.
  const handle = step.call || step.follow ? await handleOf(world, step) : undefined;
  const before = await world.newestRequest();
  const fields = world.names.resolve(step.with ?? {});
  if (handle) {
    await exchange(world, step, handle, fields);
  } else if (step.revoke) {
    judge(world, step, await settle(world.client.connection(step.revoke).revoke()), {
      status: 200,
      text: '',
    });
  } else if (step.control) {
    const [method, path] = methodAndAddress(world, step.control);
    const body = Object.keys(fields).length > 0 ? fields : undefined;
    const reply = await world.control(method, path, body);
    const json = reply ?? null;
    judgeReply(world, step.reply, { status: 200, text: json === null ? '' : JSON.stringify(json), json });
    if (step.name) world.names.put(step.name, json);
  } else if (step.visit) {
    const [method, address] = methodAndAddress(world, step.visit);
    const { status, page } = await world.visit(method, address, fields);
    judgeReply(world, step.reply, { status, text: JSON.stringify(page), json: page });
    if (step.name) world.names.put(step.name, page);
  } else if (step.advance !== undefined) {
    await world.advance(step.advance);
  } else {
    matches(world.names.resolve(step.counters), await world.sandbox.counters());
  }
  if (step.sent)
    compareRequests(
      step.sent.map((sent) => world.names.resolve(sent)),
      await world.requestsAfter(before),
    );
}

/** The handle that a step calls with. */
async function handleOf(world, step) {
  let handle = step.via === 'client' ? world.client : world.connections.get(step.via);
  if (!handle) throw new Error(`via: nothing is connected as ${step.via}`);
  if (step.as) {
    const member = world.names.text(step.as);
    handle = member.includes('@') ? await handle.impersonateEmail(member) : handle.impersonate(member);
  }
  return step.attempts ? handle.withOptions({ attempts: step.attempts }) : handle;
}

/** Makes a call, or follows a link, as often at a time as the step says. */
async function exchange(world, step, handle, fields) {
  const link = step.follow && world.names.text(step.follow);
  const call = () => (link ? handle.follow(step.operation, link) : handle.send(step.call, fields));
  const outcomes = await Promise.all(Array.from({ length: step.together ?? 1 }, () => settle(call())));
  let json = null;
  for (const outcome of outcomes.reverse()) json = judge(world, step, outcome);
  if (step.name) world.names.put(step.name, json);
}

async function settle(promise) {
  try {
    return { reply: await promise };
  } catch (error) {
    return { error };
  }
}

/** Compares a reply or an error with what is expected, and returns the reply's body. */
function judge(world, step, { reply, error }, known) {
  if (error && !(error instanceof OrgconnectError)) throw error;
  if (!step.error) {
    if (error) throw new Error(`it failed: ${error.name} ${JSON.stringify(error)} ${error.body ?? ''}`);
    const text = known?.text ?? reply.text();
    const json = text === '' ? null : JSON.parse(text);
    judgeReply(world, step.reply, {
      ...known,
      status: known?.status ?? reply.status,
      nextPage: reply?.nextPage,
      text,
      json,
    });
    return json;
  }
  if (!error) throw new Error(`it should fail and was answered ${reply?.status} ${reply?.text()}`);
  judgeError(step.error, error);
  return null;
}

function judgeReply(world, expected, { status, text, json, nextPage }) {
  if (!expected) return;
  const differs = (what) => new Error(`${what} in the answer ${status} ${text}`);
  if (expected.status !== undefined && expected.status !== status) throw differs('the status is another');
  if (expected.empty !== undefined && expected.empty !== (text === '')) {
    throw differs('the body should be empty, or should not be');
  }
  if (expected.next_page !== undefined && expected.next_page !== (nextPage !== undefined)) {
    throw differs('there should be a next page, or should not be');
  }
  if (expected.body === undefined) return;
  try {
    matches(world.names.resolve(expected.body), json);
  } catch (difference) {
    throw differs(difference.message);
  }
}

function judgeError(expected, error) {
  const found = {
    kind: error.kind,
    status: error.status,
    code: error.code,
    needs_reauthorization: error.needsReauthorization,
    transient: error.isTransient,
  };
  for (const [name, value] of Object.entries(found)) {
    if ((expected[name] ?? value) !== value) {
      throw new Error(`${name} is ${value} and should be ${expected[name]}: ${JSON.stringify(error)}`);
    }
  }
  for (const [field, key] of Object.entries(expected.fields ?? {})) {
    if (!(error.fields[field] ?? []).some((complaint) => complaint.key === key)) {
      throw new Error(`${field} should be refused with ${key}: ${JSON.stringify(error)}`);
    }
  }
}

/** Compares the requests that a step caused with those that are expected, all of them and in order. */
function compareRequests(expected, found) {
  const seen = found.map(view);
  if (seen.length !== expected.length) {
    const lines = seen.map(({ method, path }) => `${method} ${path}`).join(', ');
    throw new Error(`${seen.length} requests were sent and should be ${expected.length}: ${lines}`);
  }
  for (const [index, request] of expected.entries()) {
    // A query that is expected is all of the query.
    const strict = request.query === undefined ? request : { ...request, query: { $exactly: request.query } };
    try {
      matches(strict, seen[index]);
    } catch (difference) {
      throw new Error(`request ${index + 1}: ${difference.message}`);
    }
  }
}

/** A recorded request as scenarios see it: path and query decoded, headers by name, the body as JSON. */
function view(recorded) {
  const query = {};
  for (const [name, value] of new URLSearchParams(recorded.query ?? '')) {
    if (name.endsWith('[]')) (query[name] ??= []).push(value);
    else query[name] = value;
  }
  let body = recorded.body;
  try {
    body = JSON.parse(body);
  } catch {
    // A text that is no JSON stays a text.
  }
  const { method, status, application, connection, impersonated } = recorded;
  const path = decodeURIComponent(recorded.path);
  return {
    method,
    path,
    query,
    headers: Object.fromEntries(recorded.headers),
    body,
    status,
    application,
    connection,
    impersonated,
  };
}

function methodAndAddress(world, text) {
  const [method, ...address] = text.split(' ');
  return [method, world.names.text(address.join(' '))];
}
