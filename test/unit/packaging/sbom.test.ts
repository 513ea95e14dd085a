import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bundledFolders, distinct, lockedPackages } from '../../../scripts/bundled-packages.ts';
import { spdxDocument } from '../../../scripts/sbom.ts';

const locked = lockedPackages();
const node = { version: '24.0.0', license: 'MIT' };

function documentOf(folders: readonly string[], created = 0): Record<string, unknown> {
  const document = spdxDocument({ bundled: folders.map(locked), node, revision: 'abc', created });
  return JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
}

test('a package is bundled if some of its code is in the output', () => {
  const input = (bytesInOutput: number) => ({ bytesInOutput });
  const output = (inputs: Record<string, { bytesInOutput: number }>) => ({
    ...{ bytes: 0, inputs, imports: [], exports: [] },
  });
  const outputs = {
    'dist/a.mjs': output({
      'src/main.ts': input(9),
      'node_modules/axios/lib/axios.js': input(9),
      'node_modules/@scope/one/index.js': input(9),
      'node_modules/shaken-off/index.js': input(0),
    }),
    'dist/b.mjs': output({
      'node_modules/axios/lib/b.js': input(9),
      'node_modules/axios/node_modules/ms/index.js': input(1),
    }),
  };
  assert.equal(bundledFolders({ inputs: {}, outputs }), [
    'node_modules/@scope/one',
    'node_modules/axios',
    'node_modules/axios/node_modules/ms',
  ]);
});

test('the lock file has the version, licence and checksum of a package, and an unknown package is an error', () => {
  const axios = locked('node_modules/axios');
  assert.is(axios.name, 'axios');
  assert.match(axios.version, /^\d+\.\d+\.\d+$/);
  assert.is(axios.license, 'MIT');
  assert.match(axios.integrity, /^sha512-/);
  assert.is(locked('node_modules/@kubernetes/client-node').name, '@kubernetes/client-node');
  assert.throws(
    () => locked('node_modules/nothing-like-it'),
    /node_modules\/nothing-like-it: run npm install/,
  );
});

test('the same version in two folders is one package', () => {
  const axios = locked('node_modules/axios');
  assert.is(distinct([axios, { ...axios, folder: 'node_modules/x/node_modules/axios' }]).length, 1);
  assert.is(distinct([axios, { ...axios, version: '0.0.1' }]).length, 2);
});

test('the document has the required fields of SPDX 2.3 and relates each package to the program', () => {
  const document = documentOf(['node_modules/axios', 'node_modules/@kubernetes/client-node'], 1_700_000_000);
  assert.is(document['spdxVersion'], 'SPDX-2.3');
  assert.is(document['dataLicense'], 'CC0-1.0');
  assert.is(document['SPDXID'], 'SPDXRef-DOCUMENT');
  assert.match(String(document['documentNamespace']), /^https:\/\/spdx\.org\/spdxdocs\/dockerrun-/);
  assert.equal(document['creationInfo'], {
    created: '2023-11-14T22:13:20Z',
    creators: ['Tool: dockerrun-sbom'],
  });
  const text = JSON.stringify(document);
  assert.ok(text.includes('pkg:npm/%40kubernetes/client-node@'));
  assert.ok(text.includes('"checksumValue"') && text.includes('"SHA512"'));
  assert.is(text.match(/"relationshipType":"CONTAINS"/g)?.length, 3);
  assert.is(text.match(/"relationshipType":"DESCRIBES"/g)?.length, 1);
});

test('package IDs are unique and have only characters that SPDX allows', () => {
  const document = documentOf(['node_modules/axios', 'node_modules/@kubernetes/client-node']);
  const ids = [...JSON.stringify(document['packages']).matchAll(/"SPDXID":"([^"]+)"/g)].map(([, id]) => id);
  assert.is(ids.length, 4);
  assert.is(new Set(ids).size, 4);
  for (const id of ids) assert.match(String(id), /^SPDXRef-[A-Za-z0-9.-]+$/);
});

test('the same parts result in the same document, and other parts in another namespace', () => {
  assert.equal(documentOf(['node_modules/axios']), documentOf(['node_modules/axios']));
  assert.is.not(
    documentOf(['node_modules/axios'])['documentNamespace'],
    documentOf(['node_modules/pino'])['documentNamespace'],
  );
});

test.run();
