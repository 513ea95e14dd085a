import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { capture } from '../command.ts';
import { node2, node2Files } from './node2-layout.ts';

const connectSeconds = 5;

/** Makes the key with which this machine logs in; keeps one that exists. */
export async function ensureKey(signal: AbortSignal): Promise<void> {
  if (existsSync(node2Files.key)) return;
  mkdirSync(dirname(node2Files.key), { recursive: true, mode: 0o700 });
  await capture('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', node2Files.key], signal);
}

/** The arguments with which ssh logs in to the second node as root, after options and before a command. */
export function sshArguments(): string[] {
  // The wire has two ends only, and the node is made again and again: its own key says nothing.
  const trust = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
  const options = [...trust, 'BatchMode=yes', `ConnectTimeout=${connectSeconds}`];
  const flags = options.flatMap((option) => ['-o', option]);
  return ['-i', node2Files.key, ...flags, `root@${node2.address}`];
}

/** Runs a command on the second node as root; gives its output, rejects with its errors. */
export function onNode2(command: string, signal: AbortSignal, seconds = 60): Promise<string> {
  return capture('ssh', [...sshArguments(), command], signal, { seconds });
}
