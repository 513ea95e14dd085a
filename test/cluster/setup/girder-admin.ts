import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';
import type { Step } from '../steps.ts';
import { callGirder, GirderRefusal, stringMember } from './girder-rest.ts';
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
  const headers = { Authorization: `Basic ${credentials}` };
  const answer = await callGirder({ method: 'GET', path: '/user/authentication', headers }, signal);
  return { 'Girder-Token': stringMember(answer, 'authToken', 'token') };
}

function isRefusedLogin(error: unknown): boolean {
  return error instanceof GirderRefusal && (error.status === 401 || error.status === 400);
}

async function ensureAdmin(signal: AbortSignal): Promise<Record<string, string>> {
  try {
    return await logIn(signal);
  } catch (error) {
    if (!isRefusedLogin(error)) throw error;
    // A fresh Girder knows nobody, and makes its first user an administrator.
    const password = ensureSecret(passwordName);
    const form = { login, password, email: 'admin@example.org', firstName: 'Cluster', lastName: 'Admin' };
    await callGirder({ method: 'POST', path: '/user', form }, signal);
    return logIn(signal);
  }
}

async function ensureAssetstore(headers: Record<string, string>, signal: AbortSignal): Promise<void> {
  const existing = await callGirder({ method: 'GET', path: '/assetstore', headers }, signal);
  if (Array.isArray(existing) && existing.length > 0) return;
  const root = join(layout.state, 'girder', 'assetstore');
  mkdirSync(root, { recursive: true });
  const form = { name: 'cluster', type: filesystemAssetstore, root };
  await callGirder({ method: 'POST', path: '/assetstore', headers, form }, signal);
}

async function keyWorks(key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await callGirder({ method: 'POST', path: '/api_key/token', form: { key } }, signal);
    return true;
  } catch (error) {
    if (!isRefusedLogin(error)) throw error;
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
    const headers = await ensureAdmin(signal);
    await ensureAssetstore(headers, signal);
    const form = { name: 'cluster' };
    const made = await callGirder({ method: 'POST', path: '/api_key', headers, form }, signal);
    storeSecret(keyName, stringMember(made, 'key'));
  },
};
