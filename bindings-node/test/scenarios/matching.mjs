// Compares what came with what is expected: an object may have more than is expected, everything else must be equal, and an
// object with a key such as `$matches` says it in another way.

/** Throws the first place that differs, and how. */
export function matches(expected, found) {
  compare(expected, found, '');
}

function compare(expected, found, at) {
  const rule = ruleOf(expected);
  if (rule) return apply(rule.name, rule.operand, found, at);
  if (found === undefined) throw new Error(`${at}: is absent and should be ${show(expected)}`);
  if (Array.isArray(expected) && Array.isArray(found)) {
    if (expected.length !== found.length) {
      throw new Error(`${at}: has ${found.length} items and should have ${expected.length}: ${show(found)}`);
    }
    expected.forEach((item, index) => compare(item, found[index], `${at}/${index}`));
  } else if (isObject(expected) && isObject(found)) {
    for (const [key, value] of Object.entries(expected)) compare(value, own(found, key), `${at}/${key}`);
  } else if (expected !== found) {
    throw new Error(`${at}: is ${show(found)} and should be ${show(expected)}`);
  }
}

function ruleOf(expected) {
  if (!isObject(expected)) return undefined;
  const [key, ...more] = Object.keys(expected);
  return more.length === 0 && key?.startsWith('$')
    ? { name: key.slice(1), operand: expected[key] }
    : undefined;
}

function apply(rule, operand, found, at) {
  if (rule === 'absent') {
    const absent = found === undefined || found === null;
    if (typeof operand !== 'boolean') throw new Error('$absent takes true or false');
    if (absent !== operand) throw new Error(`${at}: is ${absent ? 'absent' : 'there'}`);
    return;
  }
  if (found === undefined) throw new Error(`${at}: is absent`);
  const judge = (holds, should) => {
    if (!holds) throw new Error(`${at}: is ${show(found)} and should ${should}`);
  };
  switch (rule) {
    case 'is':
      return judge(kindOf(found) === operand, `be a value of type ${operand}`);
    case 'matches':
      return judge(typeof found === 'string' && new RegExp(operand, 'u').test(found), `match ${operand}`);
    case 'length': {
      const count = Array.isArray(found)
        ? found.length
        : typeof found === 'string'
          ? [...found].length
          : undefined;
      if (count === undefined) throw new Error(`${at}: has no length`);
      return compare(operand, count, `${at}/length`);
    }
    case 'contains':
      judge(Array.isArray(found), 'be an array');
      for (const wanted of operand)
        judge(
          found.some((item) => same(wanted, item)),
          `contain ${show(wanted)}`,
        );
      return;
    case 'lacks':
      judge(Array.isArray(found), 'be an array');
      return judge(!found.some((item) => same(operand, item)), `lack ${show(operand)}`);
    case 'not':
      return judge(!same(operand, found), `not be ${show(operand)}`);
    case 'exactly':
      compare(operand, found, at);
      return judge(
        !isObject(found) || Object.keys(found).length === Object.keys(operand).length,
        `have no more than ${show(operand)}`,
      );
    case 'at_least':
      return judge(typeof found === 'number' && found >= operand, `be at least ${operand}`);
    case 'at_most':
      return judge(typeof found === 'number' && found <= operand, `be at most ${operand}`);
    default:
      throw new Error(`${at}: $${rule} is no rule`);
  }
}

function same(expected, found) {
  try {
    compare(expected, found, '');
    return true;
  } catch {
    return false;
  }
}

function kindOf(found) {
  if (found === null) return 'null';
  if (Array.isArray(found)) return 'array';
  return typeof found === 'number' && Number.isInteger(found) ? 'integer' : typeof found;
}

function own(object, key) {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value) {
  return JSON.stringify(value);
}
