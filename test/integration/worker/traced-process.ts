import { registerHooks } from 'node:module';
import { RunError } from '../../../src/support/errors.ts';
import { currentSpan, traced, traceparent } from '../../../src/support/trace/trace.ts';

/** Works as a worker does, traced as its environment configures, and prints in JSON how many ms that took. */
const loaded: string[] = [];
registerHooks({
  load: (url, context, next) => {
    if (url.includes('@opentelemetry')) loaded.push(url);
    return next(url, context);
  },
});
const { startWorkerTracing } = await import('../../../src/worker/main.ts');
const { createLogger } = await import('../../../src/support/log.ts');

const log: string[] = [];
const logger = createLogger('info', { write: (line) => void log.push(line) });
let handedOn = '';
const tracing = await startWorkerTracing(process.env, logger);
const begin = performance.now();
await traced('attempt', { 'container.image.name': 'busybox' }, async () => {
  const download = (name: string) =>
    traced('download', { 'dockerrun.transform': name, nothing: undefined }, async (span) => {
      span.set({ 'dockerrun.bytes': 3 });
    });
  await traced('prepare', {}, () => Promise.all([download('ct'), download('model')]));
  await traced('run target', {}, async () => {
    const span = currentSpan();
    handedOn = span === undefined ? '' : traceparent(span);
  });
  await traced('upload', {}, async () => {
    throw new RunError('UploadFailed', 'the answer was secret');
  }).catch(() => undefined);
});
const workMs = performance.now() - begin;
await tracing.end();
const endMs = performance.now() - begin - workMs;
process.stdout.write(JSON.stringify({ workMs, endMs, loaded: loaded.length, handedOn, log }), () =>
  process.exit(0),
);
