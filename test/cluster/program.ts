/** Runs a command-line program: SIGINT and SIGTERM abort it, an error becomes one message and exit code 1. */
export async function runProgram(main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stopped = new AbortController();
  const stop = (name: NodeJS.Signals) => stopped.abort(new Error(`stopped by ${name}`));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // A reader of the output may stop early, as `head` does.
  process.stdout.on('error', () => undefined);
  try {
    await main(stopped.signal);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
