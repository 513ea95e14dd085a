import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { configJsonKey, configKey, registryAuths } from '../../../src/docker/pull/docker-config.ts';
import { RunError } from '../../../src/support/errors.ts';

const host = 'reg.example.org';
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** The logins in a Secret that holds `auths`, the map from registries to credentials. */
function logins(auths: unknown, key = configJsonKey) {
  const text = JSON.stringify(key === configKey ? auths : { auths });
  return registryAuths([{ name: 'reg', data: { [key]: text } }]).entries.map(({ login }) => login);
}

function failureOf(data: Record<string, string>): RunError {
  try {
    registryAuths([{ name: 'reg', data }]);
  } catch (error) {
    if (error instanceof RunError) return error;
  }
  throw new Error('expected a RunError');
}

test('both types of pull secret are read', () => {
  const login = { username: 'u', password: 'p:1' };
  for (const key of [configJsonKey, configKey]) {
    assert.equal(logins({ [host]: { auth: base64('u:p:1') } }, key), [login]);
    assert.equal(logins({ [host]: { username: 'u', password: 'p:1', email: 'x@example.org' } }, key), [
      login,
    ]);
  }
});

test('auth takes precedence over username and password, and may have line breaks or no padding', () => {
  const auth = base64('u:größe').replace(/=+$/, '');
  const broken = `${auth.slice(0, 4)}\n${auth.slice(4)}`;
  const entry = { username: 'old', password: 'old', auth: broken };
  assert.equal(logins({ [host]: entry }), [{ username: 'u', password: 'größe' }]);
  assert.equal(logins({ [host]: { auth: base64('u:p\0\0') } }), [{ username: 'u', password: 'p' }]);
});

test('an identity token takes precedence over a password', () => {
  const entry = { auth: base64('u:'), identitytoken: 'refresh' };
  assert.equal(logins({ [host]: entry }), [{ username: 'u', identitytoken: 'refresh' }]);
});

test('an entry without a login is skipped, because docker keeps that login elsewhere', () => {
  assert.equal(logins({ [host]: {}, other: { auth: base64('u:p') } }), [{ username: 'u', password: 'p' }]);
});

test('entries of several Secrets keep their order and name their Secret', () => {
  const data = { [configJsonKey]: JSON.stringify({ auths: { [host]: { auth: base64('u:p') } } }) };
  const { entries, advice } = registryAuths([
    { name: 'b', data },
    { name: 'a', data },
  ]);
  assert.equal(
    entries.map(({ source }) => source),
    ['Secret b', 'Secret a'],
  );
  assert.match(advice('ghcr.io'), 'the Secrets of spec.imagePullSecrets have no entry for ghcr.io: b, a');
  assert.match(registryAuths([]).advice('ghcr.io'), 'for ghcr.io in spec.imagePullSecrets');
});

const invalidSecrets: Record<string, Record<string, string>> = {
  'neither key': { other: 's3cret' },
  'invalid JSON': { [configJsonKey]: '{"auths": s3cret' },
  'an array': { [configJsonKey]: '["s3cret"]' },
  'no auths': { [configJsonKey]: '{"s3cret": {}}' },
  'auths of another type': { [configJsonKey]: '{"auths": "s3cret"}' },
  'an entry of another type': { [configJsonKey]: `{"auths": {"${host}": "s3cret"}}` },
  'an auth that is not base64': { [configJsonKey]: `{"auths": {"${host}": {"auth": "s3cret:s3cret"}}}` },
  'an auth without a colon': { [configJsonKey]: `{"auths": {"${host}": {"auth": "${base64('s3cret')}"}}}` },
  'invalid JSON in the older format': { [configKey]: 's3cret' },
};

for (const [what, data] of Object.entries(invalidSecrets)) {
  test(`the error for a Secret with ${what} names the Secret and does not quote it`, () => {
    const failure = failureOf(data);
    assert.is(failure.reason, 'SecretIncomplete');
    assert.match(failure.message, 'Secret reg (spec.imagePullSecrets)');
    const isNamed =
      failure.message.includes(host) || !Object.values(data).some((text) => text.includes(host));
    assert.ok(isNamed, failure.message);
    assert.not.match(`${failure.stack} ${String(failure.cause)}`, /s3cret|czNjcmV0/);
  });
}

test.run();
