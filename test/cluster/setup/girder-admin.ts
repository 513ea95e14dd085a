import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';
import type { Step } from '../steps.ts';
import { callGirder, stringMember } from './girder-rest.ts';
import { ensureSecret, readSecret, storeSecret } from './secret-file.ts';

const login = 'admin';
const keyName = 'girder-api-key';
const filesystemAssetstore = '0';
const passwordName = 'girder-admin-password';

/** The administrator's API key, which tests and users of this cluster share; undefined before Girder was set up. */
export function girderApiKey(): string | undefined {
  return readSecret(keyName);
}

async function logIn(signal: AbortSignal): Promise<Record<string, string>> {
  const credentials = Buffer.from(`${login}:${ensureSecret(passwordName)}`).toString('base64');
  const answer = await callGirder(
    'GET',
    '/user/authentication',
    { Authorization: `Basic ${credentials}` },
    {},
    signal,
  );
  return { 'Girder-Token': stringMember(answer, 'authToken', 'token') };
}

async function ensureAdmin(signal: AbortSignal): Promise<Record<string, string>> {
  try {
    return await logIn(signal);
  } catch {
    // A fresh Girder knows nobody, and makes its first user an administrator.
    const person = { login, password: ensureSecret(passwordName), firstName: 'Cluster', lastName: 'Admin' };
    await callGirder('POST', '/user', {}, { ...person, email: 'admin@example.org' }, signal);
    return logIn(signal);
  }
}

async function ensureAssetstore(token: Record<string, string>, signal: AbortSignal): Promise<void> {
  const existing = await callGirder('GET', '/assetstore', token, {}, signal);
  if (Array.isArray(existing) && existing.length > 0) return;
  const root = join(layout.state, 'girder', 'assetstore');
  mkdirSync(root, { recursive: true });
  await callGirder(
    'POST',
    '/assetstore',
    token,
    { name: 'cluster', type: filesystemAssetstore, root },
    signal,
  );
}

async function keyWorks(key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await callGirder('POST', '/api_key/token', {}, { key }, signal);
    return true;
  } catch {
    return false;
  }
}

/** Gives Girder an administrator, a place for files and an API key, once. */
export const girderAdminStep: Step = {
  name: 'girder admin',
  after: ['girder'],
  run: async (signal) => {
    const known = girderApiKey();
    if (known !== undefined && (await keyWorks(known, signal))) return;
    const token = await ensureAdmin(signal);
    await ensureAssetstore(token, signal);
    const made = await callGirder('POST', '/api_key', token, { name: 'cluster' }, signal);
    storeSecret(keyName, stringMember(made, 'key'));
  },
};
