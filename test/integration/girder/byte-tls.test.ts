import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { exchangeBytes } from '../../../src/girder/http/byte-exchange.ts';

const never = new AbortController().signal;
const kibi = 1024;
const block = randomBytes(1024 * kibi);
const blocks = 16;
const expected = createHash('sha256');
for (let index = 0; index < blocks; index += 1) expected.update(block);
const sha256 = expected.digest('hex');

/** A key and a self-signed certificate for localhost. */
async function selfSigned(): Promise<{ key: Buffer; cert: Buffer }> {
  const directory = await mkdtemp(join(tmpdir(), 'tls-'));
  const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const into = ['-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...kind, '-days', '1', ...names, ...into], { stdio: 'ignore' });
  const made = { key: await readFile(key), cert: await readFile(cert) };
  await rm(directory, { recursive: true });
  return made;
}

const identity = await selfSigned();
const server = createServer(identity, (request, response) => {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  request.on('end', () => {
    response.writeHead(200, { 'content-length': blocks * block.length, 'x-got': hash.digest('hex') });
    for (let index = 0; index < blocks; index += 1) response.write(block);
    response.end();
  });
});

function url(host: string): URL {
  return new URL(`https://${host}:${(server.address() as AddressInfo).port}/`);
}

test.before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

test.after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('a server whose certificate is not trusted is refused', async () => {
  const request = { method: 'GET', url: url('localhost'), headers: {}, signal: never } as const;
  const error: unknown = await exchangeBytes(request, { buffer: Buffer.alloc(64 * kibi) }).catch(
    (e: unknown) => e,
  );
  assert.is((error as Error).name, 'UntrustedServer');
});

test('a server whose certificate is for another name is refused', async () => {
  setDefaultCACertificates([...getCACertificates('default'), identity.cert.toString()]);
  const request = { method: 'GET', url: url('127.0.0.1'), headers: {}, signal: never } as const;
  const error: unknown = await exchangeBytes(request, { buffer: Buffer.alloc(64 * kibi) }).catch(
    (e: unknown) => e,
  );
  assert.is((error as Error).name, 'UntrustedServer');
});

for (const bufferKibi of [16, 64, 256]) {
  for (const how of ['fast', 'slow'] as const) {
    test(`bytes over HTTPS arrive exactly with ${bufferKibi} KiB of memory and a ${how} sink`, async () => {
      const request = { method: 'GET', url: url('localhost'), headers: {}, signal: never } as const;
      const { body } = await exchangeBytes(request, { buffer: Buffer.alloc(bufferKibi * kibi) });
      // The connection must continue to read ahead, and then wait, before `pump` is called.
      await turn();
      const hash = createHash('sha256');
      const slowly = async (chunk: Buffer) => {
        await turn();
        hash.update(chunk);
      };
      await body.pump((chunk) => (how === 'slow' ? slowly(chunk) : void hash.update(chunk)));
      assert.is(hash.digest('hex'), sha256);
    });
  }
}

test('a long request over HTTPS arrives exactly', async () => {
  let left = 20 * block.length;
  const hash = createHash('sha256');
  const next = async (into: Buffer) => {
    const bytes = Math.min(left, into.length);
    block.copy(into, 0, 0, bytes);
    hash.update(into.subarray(0, bytes));
    left -= bytes;
    return bytes;
  };
  const source = { buffer: Buffer.alloc(256 * kibi), next };
  const headers = { 'Content-Length': String(left) };
  const request = { method: 'POST', url: url('localhost'), headers, signal: never } as const;
  const answer = await exchangeBytes(request, { buffer: Buffer.alloc(16 * kibi), source });
  assert.is(answer.header('x-got'), hash.digest('hex'));
  answer.body.destroy();
});

test.run();
