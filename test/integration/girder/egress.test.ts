import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { downloadItem } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { exchangeBytes } from '../../../src/girder/http/byte-exchange.ts';
import { exchange } from '../../../src/girder/http/transport.ts';
import { ChunkedPost } from '../../../src/io/chunked-post.ts';
import { useEgress } from '../../../src/support/egress.ts';
import { ForwardProxy } from '../../fixtures/forward-proxy.ts';
import { makePrivateCa, TlsFront } from '../../fixtures/tls-front.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { girderEnvironment, Scratch } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

const never = new AbortController().signal;
const identity = makePrivateCa('Laboratory CA');
const { apiUrl, apiKey } = girderEnvironment();
const front = await TlsFront.start(apiUrl, identity);
const publicCas = getCACertificates('default');
const login = 'worker:s3cret-word';

function open(url: string, redirects?: readonly string[]) {
  return openGirder({ apiUrl: url, credentials: { apiKey }, signal: never, redirects });
}

/** Uploads a file to Girder by this address and downloads it again. */
async function roundTrip(url: string): Promise<void> {
  await using scratch = await ScratchFolder.make();
  await using source = await Scratch.make();
  const client = await open(url);
  const { path, sha256 } = await source.randomFile('big', 3_000_000);
  const uploaded = await source.upload(path, 'big', client);
  assert.is(uploaded.sha256, sha256);
  const itemId = await scratch.item('set', [['near', 'near']]);
  const got = await downloadItem(client, { itemId, into: scratch.directory }, { signal: never });
  assert.equal(await readTree(join(scratch.directory, got.relativePath)), { near: 'near' });
  await client.close();
}

test.before.each(() => {
  setDefaultCACertificates(publicCas);
  useEgress({});
});

test.after(() => {
  useEgress({});
  front[Symbol.dispose]();
});

test('a certificate of an unknown CA fails within seconds, and the error names the CA and the setting', async () => {
  const begin = performance.now();
  const error = await runErrorOf(open(front.url));
  assert.is(error.reason, 'GirderUnavailable');
  assert.match(error.message, /untrusted certificate: .*issued by CN=Laboratory CA, valid until /);
  assert.match(error.message, /worker\.caBundle .*NODE_EXTRA_CA_CERTS/);
  assert.ok(performance.now() - begin < 30_000);
});

test('with the CA in the bundle, documents, uploads and downloads work over TLS', async () => {
  useEgress({ caBundle: `a comment\n${identity.ca}` });
  await roundTrip(front.url);
});

test('a redirect to a server without TLS is followed only if it is allowed, and without the token', async () => {
  useEgress({ caBundle: identity.ca });
  const tokens: unknown[] = [];
  const store = createServer(({ headers }, response) => {
    tokens.push(headers['girder-token'] ?? headers.cookie ?? headers.authorization);
    response.end('from afar');
  });
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  try {
    await using scratch = await ScratchFolder.make();
    const origin = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
    const itemId = await scratch.item('set');
    await scratch.link(itemId, 'set', `${origin}/far`);
    const download = async (redirects?: readonly string[]) =>
      downloadItem(await open(front.url, redirects), { itemId, into: scratch.directory }, { signal: never });
    const error = await runErrorOf(download());
    assert.is(error.reason, 'GirderRefused');
    assert.match(error.message, 'girderRedirects');
    assert.equal(tokens, []);
    assert.is((await runErrorOf(download([`${origin}0`]))).reason, 'GirderRefused', 'another port');
    const got = await download([origin]);
    assert.is(got.size, 9);
    assert.equal(tokens, [undefined]);
  } finally {
    store.close();
  }
});

test('a proxy forwards what is for an http address, with its password', async () => {
  await using proxy = await ForwardProxy.start(login);
  useEgress({ httpProxy: `http://${login}@${proxy.host}` });
  await roundTrip(apiUrl);
  assert.ok(proxy.forwarded.length > 5);
  assert.ok(proxy.forwarded.every((url) => url.startsWith('http://')));
});

test('a proxy connects to an https address, for documents, uploads and downloads', async () => {
  await using proxy = await ForwardProxy.start(login);
  useEgress({ caBundle: identity.ca, httpsProxy: `http://${login}@${proxy.host}` });
  await roundTrip(front.url);
  assert.ok(proxy.tunnels.length > 1);
  assert.ok(proxy.tunnels.every((target) => target === new URL(front.url).host));
  assert.equal(proxy.forwarded, []);
});

test('a certificate is checked behind a proxy too', async () => {
  await using proxy = await ForwardProxy.start(login);
  useEgress({ httpsProxy: `http://${login}@${proxy.host}` });
  assert.match((await runErrorOf(open(front.url))).message, 'issued by CN=Laboratory CA');
});

for (const [scheme, url] of [
  ['http', apiUrl],
  ['https', front.url],
] as const) {
  test(`a proxy that rejects the password fails an ${scheme} address at once and is named, the password is not`, async () => {
    await using proxy = await ForwardProxy.start(login);
    const wrong = `http://worker:wrong-word@${proxy.host}`;
    useEgress({ caBundle: identity.ca, httpProxy: wrong, httpsProxy: wrong });
    const begin = performance.now();
    const error = await runErrorOf(open(url));
    assert.is(error.reason, 'GirderUnavailable');
    assert.match(error.message, `the proxy http://${proxy.host} rejects its user and password (407)`);
    assert.not.match(error.message, 'word@');
    assert.not.match(error.message, 'wrong-word');
    assert.ok(performance.now() - begin < 30_000);
  });

  test(`a proxy that is away is named for an ${scheme} address`, async () => {
    const closed = `http://${login}@127.0.0.1:1`;
    useEgress({ httpProxy: closed, httpsProxy: closed });
    const request = { method: 'GET', url: new URL(url), headers: {}, signal: never } as const;
    for (const send of [exchange(request), exchangeBytes(request, { buffer: Buffer.alloc(65_536) })]) {
      const error = (await send.catch((thrown: unknown) => thrown)) as Error;
      assert.is(error.name, 'TransientFailure');
      assert.match(error.message, 'the proxy http://127.0.0.1:1');
      assert.match(error.message, 'ECONNREFUSED');
      assert.not.match(error.message, 's3cret');
    }
  });
}

test('an address that NO_PROXY names is reached without the proxy', async () => {
  await using proxy = await ForwardProxy.start(login);
  const { hostname } = new URL(apiUrl);
  useEgress({ httpProxy: `http://${login}@${proxy.host}`, noProxy: `example.org, ${hostname}` });
  await (await open(apiUrl)).close();
  assert.equal(proxy.forwarded, []);
});

for (const isSecure of [false, true]) {
  test(`a stream ${isSecure ? 'over TLS ' : ''}goes through the proxy`, async () => {
    await using proxy = await ForwardProxy.start(login);
    const address = `http://${login}@${proxy.host}`;
    useEgress({ caBundle: identity.ca, httpProxy: address, httpsProxy: address });
    let received = '';
    const receiver = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => (received += chunk.toString()));
      request.on('end', () => response.end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const plain = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/in`;
    using secure = await TlsFront.start(plain, identity);
    const post = new ChunkedPost({ url: isSecure ? secure.url : plain, headers: {} }, never);
    await post.write(Buffer.from('a'));
    await post.write(Buffer.from('b'));
    await post.finish();
    receiver.close();
    assert.is(received, 'ab');
    assert.is(isSecure ? proxy.tunnels.length : proxy.forwarded.length, 1);
  });
}

test.run();
