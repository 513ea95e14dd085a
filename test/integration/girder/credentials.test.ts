import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { GirderClient } from '../../../src/girder/client.ts';
import type { Access, GirderCredentials } from '../../../src/girder/credentials.ts';
import { downloadFile } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadToItem } from '../../../src/girder/upload/upload.ts';
import { deadline } from '../../../src/support/abort.ts';
import { connectGirder } from '../../../src/worker/stage/prepare.ts';
import { specOf } from '../../fixtures/builders.ts';
import { aContext, anEnvironment } from '../../fixtures/builders-worker.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { until } from '../../fixtures/until.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { ask, call, girderEnvironment, Scratch } from './real-girder.ts';

type Context = { scratch: Scratch; keys: string[] };

const test = suite<Context>('credentials');
const { apiUrl, apiKey: fullKey } = girderEnvironment();
const signal = new AbortController().signal;

test.before.each(async (context) => {
  context.scratch = await Scratch.make();
  context.keys = [];
});
test.after.each(async ({ scratch, keys }) => {
  for (const id of keys) await call(scratch.admin, 'DELETE', ['api_key', id]);
  await scratch[Symbol.asyncDispose]();
});

/** An API key with these scopes, or with full access. */
async function aKey(
  { scratch, keys }: Context,
  scope?: readonly string[],
  more: Record<string, string | number> = {},
): Promise<string> {
  const form = scope === undefined ? more : { scope: JSON.stringify(scope), ...more };
  const key = await call(scratch.admin, 'POST', ['api_key'], { name: 'test', active: 'true', ...form });
  keys.push(String(key['_id']));
  return String(key['key']);
}

async function aToken(apiKey: string): Promise<string> {
  const body = new URLSearchParams({ key: apiKey });
  const answer = await fetch(`${apiUrl}/api_key/token`, { method: 'POST', body, signal: deadline(20_000) });
  return ((await answer.json()) as { authToken: { token: string } }).authToken.token;
}

async function isKnown(token: string): Promise<boolean> {
  const answer = await fetch(`${apiUrl}/token/current`, {
    headers: { 'Girder-Token': token },
    signal: deadline(20_000),
  });
  return (await answer.text()) !== 'null';
}

async function endSession(token: string): Promise<void> {
  const headers = { 'Girder-Token': token };
  await fetch(`${apiUrl}/token/session`, { method: 'DELETE', headers, signal: deadline(20_000) });
}

/** The tokens that requests through the proxy had. */
function tokensOf(proxy: FaultProxy): string[] {
  const tokens = proxy.seen.flatMap(({ headers }) => headers['girder-token'] ?? []);
  return [...new Set(tokens)];
}

async function uploadOne(client: GirderClient, { scratch }: Context, name = 'result'): Promise<string> {
  const { path, sha256 } = await scratch.randomFile(name, 1000);
  await using source = await open(path);
  const upload = { itemId: scratch.itemId, name, source, size: 1000 };
  assert.is((await uploadToItem(client, upload, { signal })).sha256, sha256);
  return name;
}

const lacking: [string[], Access[], string][] = [
  [['core.data.read'], ['read', 'write'], 'lacks the scope core.data.write;'],
  [['core.data.write'], ['read'], 'lacks the scope core.data.read;'],
  [['core.user_info.read'], ['read', 'write'], 'lacks the scopes core.data.read and core.data.write;'],
];

for (const [scope, needs, text] of lacking) {
  for (const kind of ['API key', 'token'] as const) {
    test(`the ${kind} with only ${scope[0]} is refused for ${needs.join(' and ')} at once, and no session is left`, async (context) => {
      const apiKey = await aKey(context, scope);
      await using proxy = await FaultProxy.start(apiUrl);
      const given: GirderCredentials = kind === 'API key' ? { apiKey } : { token: await aToken(apiKey) };
      const error = await runErrorOf(openGirder({ apiUrl: proxy.url, credentials: given, needs, signal }));
      assert.is(error.reason, 'GirderForbidden');
      assert.match(error.message, `the ${kind} of the run ${text} use an API key of Girder that allows "`);
      const [token, ...others] = tokensOf(proxy);
      assert.equal(others, []);
      assert.is(await isKnown(String(token)), kind === 'token');
    });
  }
}

test('a key with just the scopes that a run needs is accepted', async (context) => {
  const apiKey = await aKey(context, ['core.data.read', 'core.data.write']);
  const client = await openGirder({ apiUrl, credentials: { apiKey }, needs: ['read', 'write'], signal });
  await uploadOne(client, context);
  await client.close();
});

test('a 401 for a missing scope is GirderForbidden, and makes no second session', async (context) => {
  const apiKey = await aKey(context, ['core.data.read']);
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal });
  const error = await runErrorOf(uploadOne(client, context));
  assert.is(error.reason, 'GirderForbidden');
  assert.match(error.message, 'lacks the scope core.data.write');
  await client.close();
  assert.is(proxy.requests('POST', '/api_key/token').length, 1);
  for (const token of tokensOf(proxy)) assert.not(await isKnown(token));
});

test('a session that ends during many requests at once is replaced by one other', async (context) => {
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey: fullKey }, signal });
  await endSession(String(tokensOf(proxy)[0]));
  const route = ['item', context.scratch.itemId];
  await Promise.all(Array.from({ length: 12 }, () => ask(client, 'GET', route)));
  await client.close();
  assert.is(proxy.requests('POST', '/api_key/token').length, 2);
  for (const token of tokensOf(proxy)) assert.not(await isKnown(token));
});

test('a session that a proxy rejects although Girder knows it is deleted when it is replaced', async (context) => {
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey: fullKey }, signal });
  proxy.fail('GET', '/item', { status: 401 });
  await ask(client, 'GET', ['item', context.scratch.itemId]);
  await client.close();
  assert.is(tokensOf(proxy).length, 2);
  for (const token of tokensOf(proxy)) assert.not(await isKnown(token));
});

test('an API key whose sessions are short is exchanged again for each', async (context) => {
  const seconds = 10;
  const apiKey = await aKey(context, undefined, { tokenDuration: seconds / 86_400 });
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal });
  const first = String(tokensOf(proxy)[0]);
  const isOver = async () => {
    const headers = { 'Girder-Token': first };
    const url = `${apiUrl}/item/${context.scratch.itemId}`;
    return (await fetch(url, { headers, signal: deadline(20_000) })).status === 401;
  };
  await until('the first session is over', isOver, { withinMs: 60_000 });
  await uploadOne(client, context);
  await client.close();
  assert.ok(proxy.requests('POST', '/api_key/token').length >= 2);
});

test('a token that ends is replaced by the one that its Secret has by then', async (context) => {
  const { scratch } = context;
  const [old, renewed] = [await aToken(fullKey), await aToken(fullKey)];
  let token = old;
  const credentials = async () => ({ token });
  const client = await openGirder({ apiUrl, credentials, signal, renewalMs: 60_000 });
  const name = await uploadOne(client, context);
  await endSession(old);
  const uploading = uploadOne(client, context, 'late');
  token = renewed;
  await uploading;
  const names = (await scratch.files()).map((file) => file.name);
  assert.equal(names.toSorted(), ['late', name]);
  await client.close();
  assert.ok(await isKnown(renewed), 'a token of the user is never deleted');
  await endSession(renewed);
});

test('a renewed token may arrive a while after the old one was rejected', async (context) => {
  const [old, renewed] = [await aToken(fullKey), await aToken(fullKey)];
  await using proxy = await FaultProxy.start(apiUrl);
  let token = old;
  const credentials = async () => ({ token });
  const client = await openGirder({ apiUrl: proxy.url, credentials, signal, renewalMs: 60_000 });
  await endSession(old);
  const uploading = uploadOne(client, context);
  const rejected = () => proxy.requests('GET', '/token/current').length > 3;
  await until('the old token was rejected again and again', async () => rejected(), { withinMs: 60_000 });
  token = renewed;
  await uploading;
  await client.close();
  await endSession(renewed);
});

test('a token in place of which none arrives fails with GirderUnauthorized after the wait', async (context) => {
  const token = await aToken(fullKey);
  const client = await openGirder({ apiUrl, credentials: async () => ({ token }), signal, renewalMs: 1_500 });
  await endSession(token);
  const error = await runErrorOf(uploadOne(client, context));
  assert.is(error.reason, 'GirderUnauthorized');
  assert.match(error.message, 'they have expired or been revoked');
});

test('an API key that is replaced in its Secret is used once the old one is deleted', async (context) => {
  const { scratch, keys } = context;
  let apiKey = await aKey(context);
  const client = await openGirder({
    apiUrl,
    credentials: async () => ({ apiKey }),
    signal,
    renewalMs: 60_000,
  });
  // Girder ends the sessions of a key with the key.
  await call(scratch.admin, 'DELETE', ['api_key', String(keys.pop())]);
  const uploading = uploadOne(client, context);
  apiKey = fullKey;
  await uploading;
  await client.close();
});

test('what Girder knows of a given token is reported, but not of a session of the run', async () => {
  const token = await aToken(fullKey);
  const seen: (number | undefined)[] = [];
  const onToken = ({ expires }: { expires: number | undefined }) => void seen.push(expires);
  for (const credentials of [{ token }, { apiKey: fullKey }]) {
    await (await openGirder({ apiUrl, credentials, onToken, signal })).close();
  }
  assert.is(seen.length, 1);
  assert.ok(Number(seen[0]) > Date.now());
  await endSession(token);
});

/** Connects a run with this spec, and returns its notice. */
async function connecting(
  { scratch }: Context,
  credentials: GirderCredentials,
  more: Record<string, unknown> = {},
): Promise<string | undefined> {
  const girder = { apiUrl, credentialsSecretRef: { name: 'girder' } };
  const upload = { volumePath: 'temporaryVolume', itemId: scratch.itemId };
  const girderResultHooks = [{ girderUploadVolumePathToItem: upload }];
  const spec = specOf({ image: 'busybox', girder, girderResultHooks, ...more });
  const environment = anEnvironment(spec, { girderCredentials: async () => credentials });
  const context = aContext({ environment });
  await (await connectGirder(context))?.close();
  return context.report.notice;
}

test('a token that ends before the deadlines of the run fails the run when it connects', async (context) => {
  const token = await aToken(await aKey(context, undefined, { tokenDuration: 600 / 86_400 }));
  const error = await runErrorOf(connecting(context, { token }, { activeDeadlineSeconds: 3600 }));
  assert.is(error.reason, 'GirderUnauthorized');
  assert.match(
    error.message,
    /^the token of the run ends at 20\d\d-.*Z, but activeDeadlineSeconds let the run/,
  );
  const short = { activeDeadlineSeconds: 60, uploadDeadlineSeconds: 60 };
  assert.is(await connecting(context, { token }, short), undefined);
  assert.match((await connecting(context, { token })) ?? '', /^the token of the run ends at 20\d\d-.*Z; /);
});

test('the sessions of an API key may end before the deadlines of the run', async (context) => {
  const apiKey = await aKey(context, undefined, { tokenDuration: 600 / 86_400 });
  assert.is(await connecting(context, { apiKey }, { activeDeadlineSeconds: 3600 }), undefined);
});

test('a key that may only read is refused when a run with results connects', async (context) => {
  const apiKey = await aKey(context, ['core.data.read']);
  const error = await runErrorOf(connecting(context, { apiKey }));
  assert.is(error.reason, 'GirderForbidden');
  assert.match(error.message, 'lacks the scope core.data.write');
});

test('a file is not downloaded as a stranger when the session ends between two requests', async (context) => {
  const { scratch } = context;
  await uploadOne(scratch.admin, context);
  const [file] = (await ask(scratch.admin, 'GET', ['item', scratch.itemId, 'files'])) as { _id: string }[];
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey: fullKey }, signal });
  await endSession(String(tokensOf(proxy)[0]));
  const target = {
    fileId: String(file?._id),
    into: scratch.directory,
    filename: randomBytes(4).toString('hex'),
  };
  assert.is((await downloadFile(client, target, { signal })).size, 1000);
  await client.close();
});

test('a key in the place of a token, or a token in the place of a key, is named as such', async (context) => {
  const { apiKey, token } = { apiKey: await aKey(context), token: await aToken(fullKey) };
  const swapped: GirderCredentials[] = [{ token: apiKey }, { apiKey: token }];
  const errors = [];
  for (const credentials of swapped)
    errors.push(await runErrorOf(openGirder({ apiUrl, credentials, signal })));
  await endSession(token);
  assert.match(errors[0]?.message ?? '', /length of an API key, which belongs under apiKey/);
  assert.match(errors[1]?.message ?? '', /length of a token, which belongs under token/);
  assert.equal(
    errors.map(({ reason }) => reason),
    Array(2).fill('GirderUnauthorized'),
  );
});

test.run();
