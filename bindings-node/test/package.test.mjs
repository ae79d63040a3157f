// The package as users get it: what can be imported, what a missing binary says, and the declared native part.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { script, thrown } from './world.mjs';

const require = createRequire(import.meta.url);
const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

describe('the package', () => {
  test('has no dependency at run time but the binaries', () => {
    const { dependencies = {}, optionalDependencies = {} } = require('orgconnect/package.json');
    assert.deepEqual(dependencies, {});
    for (const name of Object.keys(optionalDependencies))
      assert.match(name, /^orgconnect-(linux|darwin|win32)-/);
  });

  test('works as it is installed: the package, and the binaries in a package of their own', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const root = fileURLToPath(new URL('..', import.meta.url));
    const run = promisify(execFile);
    const machine = (await run(process.execPath, [join(root, 'scripts/machine.mjs')])).stdout.trim();
    const modules = join(folder, 'node_modules');
    await run(process.execPath, [join(root, 'scripts/stage.mjs'), root, modules, machine]);
    const installed = JSON.parse(readFileSync(join(modules, 'orgconnect/package.json'), 'utf8'));
    assert.deepEqual(Object.keys(installed.optionalDependencies), [`orgconnect-${machine}`]);
    assert.equal(installed.devDependencies, undefined);
    const code = `
      const { Sandbox } = require('orgconnect/testing');
      (async () => {
        const sandbox = await Sandbox.start();
        const { organization } = await sandbox.connect(sandbox.client());
        console.log((await organization.members.list().all()).length > 0);
        sandbox.stop();
      })();`;
    assert.equal((await run(process.execPath, ['-e', code], { cwd: folder })).stdout.trim(), 'true');
  });

  test('says how to mend a missing binary, on a machine that has one and on one that has none', async () => {
    for (const [platform, arch, expected] of [
      ['linux', 'arm64', /linux-arm64-gnu or linux-arm64-musl is not installed.*optional dependency/s],
      ['sunos', 'sparc', /no binary for sunos-sparc; there are some for darwin-arm64.*orgconnect\/edge/s],
    ]) {
      const { stdout } = await script(`
        Object.defineProperty(process, 'platform', { value: '${platform}' });
        Object.defineProperty(process, 'arch', { value: '${arch}' });
        const require = (await import('node:module')).createRequire(import.meta.url);
        const { OrgconnectError } = require('orgconnect/edge');
        try { require('orgconnect'); } catch (error) {
          console.log(error instanceof OrgconnectError, error.name, error.code, error.message);
        }`);
      assert.match(stdout, /^true ConfigError native_missing /);
      assert.match(stdout, expected);
    }
  });

  test('declares exactly what the native part has', () => {
    for (const [file, addon] of [
      ['native-types.d.ts', 'orgconnect'],
      ['testing-types.d.ts', 'orgconnect-testing'],
    ]) {
      const declared = read(`../ts/${file}`);
      const machine = process.report.getReport().header.glibcVersionRuntime ? '-gnu' : '';
      const native = require(`../${addon}.${process.platform}-${process.arch}${machine}.node`);
      for (const [name, value] of Object.entries(native)) {
        if (
          !value.prototype ||
          (Object.getOwnPropertyNames(value.prototype).length === 1 && !declared.includes(`class ${name} `))
        ) {
          assert.match(declared, new RegExp(`function ${name}\\(`), name);
          continue;
        }
        const body = declared.split(`declare class ${name} {`)[1]?.split('\n}')[0];
        assert.ok(body, `class ${name}`);
        const known = new Set([...body.matchAll(/^ {2}(?:static |get )?(\w+)\(/gm)].map(([, own]) => own));
        const found = [
          ...Object.getOwnPropertyNames(value.prototype),
          ...Object.getOwnPropertyNames(value).filter(
            (own) => !['arguments', 'caller', 'length', 'name', 'prototype'].includes(own),
          ),
        ];
        assert.deepEqual(
          [...known, 'constructor'].sort().filter((own, at, all) => all.indexOf(own) === at),
          found.sort(),
          name,
        );
      }
    }
  });

  test('lets no panic out of the native part, which would end the process', () => {
    for (const file of readdirSync(new URL('../src', import.meta.url))) {
      const functions = [
        ...read(`../src/${file}`).matchAll(/#\[napi(.*?)\]\n(?: *#\[.*\]\n)* *pub fn (\w+)/g),
      ];
      for (const [, marks, name] of functions) assert.match(marks, /catch_unwind/, `${name} in ${file}`);
    }
  });

  test('offers every operation by the name of its area on its handles', () => {
    const { Account, Client, Organization, ServiceAccount } = require('orgconnect');
    const table = read('../../core/src/api/operations.rs');
    const areas = new Set([...table.matchAll(/^ {4}name: "(\w+)\./gm)].map(([, area]) => area));
    const offered = new Set();
    for (const handle of [Account, Client, Organization, ServiceAccount]) {
      for (let proto = handle.prototype; proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
        for (const name of Object.getOwnPropertyNames(proto)) offered.add(name);
      }
    }
    const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
    for (const area of areas) {
      if (area === 'organization' || area === 'service_account') continue;
      assert.ok(offered.has(camel(area)), area);
    }
    assert.ok(offered.has('members') && offered.has('resources') && areas.size > 20);
    assert.ok(thrown(() => require('orgconnect/no-such-entry')));
  });
});
