import type { Readable } from 'node:stream';
import type { Engine } from '../engine.ts';
import { type CallLimits, engineStream } from '../engine-call.ts';

/**
 * Attaches to the output of a container. When this resolves the engine has confirmed it, so nothing a later start
 * makes the target say is lost. `hijack` makes it a connection upgrade: docker-modem then puts back the bytes that
 * came with the response's head, which the plain response path of older engines loses.
 */
export async function attachOutput(engine: Engine, id: string, limits: CallLimits): Promise<Readable> {
  const container = engine.docker.getContainer(id);
  return engineStream(limits, (abortSignal) => {
    const options = { hijack: true, abortSignal, _query: { stream: 1, stdout: 1, stderr: 1 }, _body: {} };
    return container.attach(options);
  });
}
