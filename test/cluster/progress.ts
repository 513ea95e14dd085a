const startedAt = Date.now();

function elapsed(): string {
  return `${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)}s`;
}

/** One line of progress with the seconds since the program started. */
export function printLine(line: string): void {
  process.stdout.write(`${elapsed()}  ${line}\n`);
}
