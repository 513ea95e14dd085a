import { appendFileSync } from 'node:fs';
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

/**
 * Preloaded into a worker (`node --import`): counts its steps, which are its calls to the file system and its
 * writes to Docker and Girder, and does one harm right before one of them.
 */
export type Harm = 'kill' | 'ENOSPC' | 'EIO';

/** `at` counts from 1; an error waits for the first step from there that can fail in this way. */
type Plan = { readonly at: number; readonly harm: Harm; readonly trace?: string; readonly mark?: string };

const plan = JSON.parse(process.env['DOCKERRUN_TEST_STEP'] ?? '{"at":0,"harm":"kill"}') as Plan;
const steps: string[] = [];
let isDone = false;
let isReady = false;

/** Steps that need space on the disk. */
const writing = ['open', 'mkdir', 'link', 'rename', 'write', 'writeSync', 'writeFile', 'appendFile'];

/** Whether the flags of an open create a file. */
function creates([, flags]: readonly unknown[]): boolean {
  if (typeof flags === 'number') return (flags & fs.constants.O_CREAT) !== 0;
  return typeof flags === 'string' && /^[wa]/.test(flags);
}

function fits(name: string, given: readonly unknown[]): boolean {
  if (plan.harm === 'EIO') return true;
  return writing.includes(name) && (name !== 'open' || creates(given));
}

/** Returns the error with which the step must fail, if it must. */
function step(name: string, given: readonly unknown[] = []): NodeJS.ErrnoException | undefined {
  if (!isReady) return undefined;
  steps.push(name);
  const isDue = !isDone && plan.at > 0 && steps.length >= plan.at;
  if (!isDue || (plan.harm !== 'kill' && !fits(name, given))) return undefined;
  isDone = true;
  if (plan.mark !== undefined) appendFileSync(plan.mark, '');
  if (plan.harm === 'kill') process.kill(process.pid, 'SIGKILL');
  return Object.assign(new Error(`${plan.harm}: injected into step ${steps.length}, ${name}`), {
    code: plan.harm,
  });
}

type Calls = Record<string, ((...given: never[]) => unknown) | undefined>;

function watch(
  owner: object,
  names: readonly string[],
  isSkipped: (given: unknown[], self: unknown) => boolean,
) {
  const calls = owner as Calls;
  for (const name of names) {
    const original = calls[name];
    if (original === undefined) continue;
    calls[name] = function watched(this: unknown, ...given: unknown[]) {
      const error = isSkipped(given, this) ? undefined : step(name, given);
      if (error === undefined) return original.apply(this, given as never[]);
      if (name.endsWith('Sync')) throw error;
      return Promise.reject(error);
    };
  }
}

/** The report and the log are not steps: what they hold is checked. */
const isOurs = ([first]: unknown[]) =>
  typeof first === 'string' && /termination-log|^\/proc\/self\/(cgroup|oom)/.test(first);
const isLog = ([first]: unknown[]) => first === 1 || first === 2 || first === reportFile;
let reportFile: unknown = -1;
const openSync = fs.openSync;
fs.openSync = (...given) => {
  const file = openSync(...given);
  if (isOurs(given)) reportFile = file;
  return file;
};

const pathCalls = [
  'chmod',
  'link',
  'lstat',
  'mkdir',
  'open',
  'opendir',
  'readFile',
  'readdir',
  'rename',
  'rmdir',
  'stat',
  'unlink',
];
watch(promises, pathCalls, isOurs);
watch(fs, ['writeSync'], isLog);
const handle = await promises.open('/dev/null');
watch(Object.getPrototypeOf(handle) as object, ['read', 'stat', 'sync', 'truncate', 'write'], () => false);
await handle.close();
isReady = true;

type Write = (this: Socket, ...given: unknown[]) => boolean;
const socketCalls = Socket.prototype as unknown as { write: Write };
const { write } = socketCalls;
socketCalls.write = function watched(this: Socket, ...given: unknown[]) {
  const isOutput = this === process.stdout || this === process.stderr;
  const error = isOutput ? undefined : step('send');
  if (error === undefined) return write.apply(this, given);
  this.destroy(error);
  return false;
};
syncBuiltinESMExports();

process.on('exit', () => {
  if (plan.trace !== undefined) appendFileSync(plan.trace, JSON.stringify(steps));
});
