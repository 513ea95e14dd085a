import childProcess from 'node:child_process';
import { appendFileSync } from 'node:fs';
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

/**
 * Preloaded into a worker (`node --import`): numbers its steps, which are its calls to the file system, the
 * processes that it starts, and what it sends to Docker, Girder and others, and does one harm right before one
 * of them.
 */
export type Harm = 'kill' | 'ENOSPC' | 'EIO';

/** `changes`: what is outside of the worker differs after it; `grows`: it needs space on the disk. */
export type TracedStep = { readonly name: string; readonly changes: boolean; readonly grows: boolean };

/** `at` counts from 1; an error waits for the first step from there that can fail in this way. */
type Plan = { readonly at: number; readonly harm: Harm; readonly trace?: string; readonly mark?: string };

const plan = JSON.parse(process.env['DOCKERRUN_TEST_STEP'] ?? '{"at":0,"harm":"kill"}') as Plan;
const steps: TracedStep[] = [];
let isDone = false;
let isReady = false;

const growing = ['link', 'mkdir', 'rename', 'write', 'writeSync'];
const changing = [...growing, 'chmod', 'rmdir', 'spawn', 'truncate', 'unlink'];

const opensToWrite = fs.constants.O_WRONLY | fs.constants.O_RDWR;

function flagsOf([, flags]: readonly unknown[]): number {
  if (typeof flags === 'number') return flags;
  return typeof flags === 'string' && /^[wa]/.test(flags) ? opensToWrite | fs.constants.O_CREAT : 0;
}

const isQuestion = ([data]: readonly unknown[]) =>
  /^(GET|HEAD) /.test(data instanceof Uint8Array ? Buffer.from(data).toString('latin1', 0, 5) : String(data));

function traced(name: string, given: readonly unknown[]): TracedStep {
  if (name === 'send') return { name, changes: !isQuestion(given), grows: false };
  if (name !== 'open') return { name, changes: changing.includes(name), grows: growing.includes(name) };
  const flags = flagsOf(given);
  return { name, changes: (flags & opensToWrite) !== 0, grows: (flags & fs.constants.O_CREAT) !== 0 };
}

function fits({ name, grows }: TracedStep): boolean {
  if (plan.harm === 'kill') return true;
  return plan.harm === 'ENOSPC' ? grows : name !== 'spawn';
}

/** Returns the error with which the step must fail, if it must. */
function step(name: string, given: readonly unknown[] = []): NodeJS.ErrnoException | undefined {
  if (!isReady) return undefined;
  const one = traced(name, given);
  steps.push(one);
  if (isDone || plan.at === 0 || steps.length < plan.at || !fits(one)) return undefined;
  isDone = true;
  if (plan.mark !== undefined) appendFileSync(plan.mark, '');
  if (plan.harm === 'kill') process.kill(process.pid, 'SIGKILL');
  return Object.assign(new Error(`${plan.harm}: injected into step ${steps.length}, ${name}`), {
    code: plan.harm,
  });
}

type Calls = Record<string, ((...given: never[]) => unknown) | undefined>;

function watch(owner: object, names: readonly string[], isSkipped: (given: unknown[]) => boolean) {
  const calls = owner as Calls;
  for (const name of names) {
    const original = calls[name];
    if (original === undefined) continue;
    calls[name] = function watched(this: unknown, ...given: unknown[]) {
      const error = isSkipped(given) ? undefined : step(name, given);
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
const { openSync, writeSync } = fs;
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
watch(childProcess, ['spawn'], () => false);
const handle = await promises.open('/dev/null');
watch(Object.getPrototypeOf(handle) as object, ['read', 'stat', 'sync', 'truncate', 'write'], () => false);
await handle.close();
isReady = true;

type Write = (this: Socket, ...given: unknown[]) => boolean;
const socketCalls = Socket.prototype as unknown as { write: Write };
const { write } = socketCalls;
socketCalls.write = function watched(this: Socket, ...given: unknown[]) {
  const isOutput = this === process.stdout || this === process.stderr;
  const error = isOutput ? undefined : step('send', given);
  if (error === undefined) return write.apply(this, given);
  this.destroy(error);
  return false;
};
syncBuiltinESMExports();

/** The worker exits at once, without its cleanup, and its report does not show that. */
const onUncaught = (error: unknown) => {
  writeSync(2, `uncaught: ${error instanceof Error ? error.stack : String(error)}\n`);
};
process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);

process.on('exit', () => {
  if (plan.trace !== undefined) appendFileSync(plan.trace, JSON.stringify(steps));
});
