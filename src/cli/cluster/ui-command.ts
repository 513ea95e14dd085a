import { createLogger } from '../../support/log.ts';
import { serveUi } from '../../ui/ui-session.ts';
import { CommandLineError, type Given, ownCodes } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { clusterError, openSession } from './session.ts';

/** `dockerrun ui`: serves a page of the user's runs and sets until the program is stopped. */
export async function uiCommand(given: Given, terminal: Terminal): Promise<number> {
  const { stdout, stderr, stop } = terminal;
  const port = portOf(given.text('port'));
  const session = await openSession(given, terminal);
  const namespace = given.has('namespace') ? session.namespace : undefined;
  const log = createLogger('silent', stderr);
  const onReady = (address: string, shown: string | undefined) => {
    const of = shown === undefined ? 'all namespaces' : `the namespace ${shown}`;
    stdout.write(`Open this address for the runs and sets of ${of}. Ctrl-C ends it.\n${address}\n`);
  };
  const { connection } = session;
  await serveUi({ connection, namespace, port, log, stop, onReady }).catch((error: unknown) => {
    stop.throwIfAborted();
    throw clusterError(error, session);
  });
  stop.throwIfAborted();
  return ownCodes.done;
}

function portOf(value: string | undefined): number {
  if (value === undefined) return 0;
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65_535) return port;
  throw new CommandLineError(`--port ${value}: it must be a number from 0 to 65535`);
}
