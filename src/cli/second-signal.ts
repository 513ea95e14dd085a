const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `hurry`, once, when the process gets another signal after the one that `stop` stands for. Disposing lets go
 * of the signals.
 */
export function onSecondSignal(stop: AbortSignal, kill: () => void): Disposable {
  let isDone = false;
  let seen = stop.aborted ? 1 : 0;
  const count = () => {
    seen += 1;
    if (seen < 2 || isDone) return;
    isDone = true;
    kill();
  };
  for (const name of names) process.on(name, count);
  return {
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, count);
    },
  };
}
