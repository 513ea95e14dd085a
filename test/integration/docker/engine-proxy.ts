import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A socket in front of the engine that can go away and come back, so that an engine's absence can be tested
 * without restarting the engine that all tests share. The engine itself does not notice.
 */
export class EngineProxy {
  readonly socketPath: string;
  readonly #enginePath: string;
  readonly #sockets = new Set<Socket>();
  /** Called with the beginning of each request, which reaches the engine when its promise is settled. */
  before: ((head: string) => Promise<void>) | undefined;
  #isStalled = false;
  #server: Server | undefined;

  constructor(enginePath: string, name: string) {
    this.#enginePath = enginePath;
    this.socketPath = join(tmpdir(), `dockerrun-proxy-${process.pid}-${name}.sock`);
  }

  async up(): Promise<void> {
    const server = createServer((client) => this.#join(client));
    server.listen(this.socketPath);
    await once(server, 'listening');
    this.#server = server;
  }

  /** Breaks every connection and leaves a socket file that is not served, as a killed engine does. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#isStalled = false;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) {
      server.close();
      await once(server, 'close');
    }
    await rm(this.socketPath, { force: true });
  }

  /** Keeps every connection but transfers no bytes, as an engine that hangs, until `down`. */
  stall(): void {
    this.#isStalled = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** The worker sends one request on each connection. */
  async #pipeAfter(from: Socket, to: Socket, before: (head: string) => Promise<void>): Promise<void> {
    const [first] = (await once(from, 'data')) as [Buffer];
    from.pause();
    await before(first.toString('latin1')).catch(() => from.destroy());
    to.write(first);
    from.pipe(to);
  }

  #join(client: Socket): void {
    const engine = connect(this.#enginePath);
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      this.#sockets.add(from);
      if (from === client && this.before !== undefined) void this.#pipeAfter(from, to, this.before);
      else if (!this.#isStalled) from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
