/** A variable of `.cluster/env`; a test without it fails with one sentence instead of being skipped. */
export function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(`${name} is not set: run make cluster-up and source .cluster/env, or use make test`);
  }
  return value;
}
