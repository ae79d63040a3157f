// What a scenario may refer to: the world's own names, and the replies of earlier steps.

/** Values by name. */
export class Names {
  #values = new Map();

  put(name, value) {
    this.#values.set(name, value);
  }

  /** The value with every reference replaced by what it refers to. */
  resolve(value) {
    if (typeof value === 'string') return this.#resolveText(value);
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.resolve(item)]));
    }
    return value;
  }

  /** The same for a text that must stay one. */
  text(text) {
    const found = this.#resolveText(text);
    if (typeof found !== 'string')
      throw new Error(`${text} is ${JSON.stringify(found)} and should be a text`);
    return found;
  }

  #resolveText(text) {
    if (text.startsWith('$$')) return text.slice(1);
    if (text.startsWith('$') && !text.startsWith('${')) return this.#find(text.slice(1));
    return text.replace(/\$\{([^}]*)\}?/g, (whole, reference) => {
      if (!whole.endsWith('}')) throw new Error(`${text}: a brace is not closed`);
      const found = this.#find(reference);
      return typeof found === 'string' ? found : JSON.stringify(found);
    });
  }

  #find(reference) {
    const [name, ...steps] = reference.split('/');
    if (!this.#values.has(name)) throw new Error(`$${reference}: nothing is called ${name}`);
    let value = this.#values.get(name);
    for (const step of steps) {
      value = descend(value, step);
      if (value === undefined) throw new Error(`$${reference}: leads nowhere`);
    }
    return value;
  }
}

/** One step down; `undefined` where it leads nowhere. */
function descend(value, step) {
  if (Array.isArray(value)) {
    if (!step.includes('=')) return value[Number(step)];
    const [field, ...text] = step.split('=');
    return value.find((item) => item?.[field] === text.join('='));
  }
  if (typeof value === 'string') {
    if (step.startsWith('?')) return new URL(value).searchParams.get(step.slice(1)) ?? undefined;
    return step.startsWith('-') ? value.split('/').at(Number(step)) : undefined;
  }
  return value && typeof value === 'object' && Object.hasOwn(value, step) ? value[step] : undefined;
}
