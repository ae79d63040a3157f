// As much of a Prisma client as a store of two models needs, over maps: Prisma itself loads its engine from a place of its own when it
// is installed. Each call is one step, as a single statement is in a database, and takes a turn of the event loop.

const turn = () => new Promise((resolve) => setImmediate(resolve));

class Model {
  #rows = new Map();

  async findUnique({ where, select }) {
    await turn();
    const row = this.#rows.get(key(where.namespace_connection));
    return row ? picked(row, select) : null;
  }

  async findMany({ where, orderBy, take, select }) {
    await turn();
    const [[field, direction]] = Object.entries(orderBy);
    const sign = direction === 'asc' ? 1 : -1;
    return this.#matching(where)
      .sort((a, b) => (a[field] < b[field] ? -sign : sign))
      .slice(0, take)
      .map((row) => picked(row, select));
  }

  async createMany({ data, skipDuplicates }) {
    await turn();
    let count = 0;
    for (const row of data) {
      if (this.#rows.has(key(row))) {
        if (!skipDuplicates) throw new Error('Unique constraint failed');
        continue;
      }
      this.#rows.set(key(row), { ...row });
      count += 1;
    }
    return { count };
  }

  async updateMany({ where, data }) {
    await turn();
    const rows = this.#matching(where);
    for (const row of rows) Object.assign(row, data);
    return { count: rows.length };
  }

  async deleteMany({ where }) {
    await turn();
    const rows = this.#matching(where);
    for (const row of rows) this.#rows.delete(key(row));
    return { count: rows.length };
  }

  #matching(where) {
    return [...this.#rows.values()].filter((row) => fits(row, where));
  }
}

const COMPARE = { gt: (a, b) => a > b, lt: (a, b) => a < b, lte: (a, b) => a <= b };

/** Whether a row fits; as with Prisma, `undefined` is no condition, and null fits no comparison. */
function fits(row, where) {
  return Object.entries(where).every(([name, wanted]) => {
    if (wanted === undefined) return true;
    if (name === 'OR') return wanted.some((one) => fits(row, one));
    const value = row[name];
    if (typeof wanted !== 'object' || wanted === null) return value === wanted;
    return Object.entries(wanted).every(([operator, limit]) => {
      if (!(operator in COMPARE)) throw new Error(`the fake knows no ${operator}`);
      return limit === undefined || (value !== null && COMPARE[operator](value, limit));
    });
  });
}

const key = ({ namespace, connection }) => JSON.stringify([namespace, connection]);
const picked = (row, select) => Object.fromEntries(Object.keys(select).map((name) => [name, row[name]]));

export class FakePrisma {
  orgconnectRecord = new Model();
  orgconnectLease = new Model();
}
