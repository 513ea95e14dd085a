import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../cluster/layout.ts';
import { sshArguments } from '../cluster/node2/node-shell.ts';
import { Child } from '../fixtures/child-process.ts';
import { ScratchDirectory } from '../fixtures/scratch-directory.ts';
import { until } from '../fixtures/until.ts';

/** The socket of the second node's engine as a socket of this machine, over ssh: an engine in a pod has no other. */
export class ForwardedEngine implements AsyncDisposable {
  readonly #directory = new ScratchDirectory('engine-of-node-2');
  readonly #socket = join(this.#directory.path, 'docker.sock');
  readonly #ssh: Child;
  /** For `DOCKER_HOST`. */
  readonly host = `unix://${this.#socket}`;

  private constructor() {
    const forward = ['-N', '-o', 'ExitOnForwardFailure=yes', '-L', `${this.#socket}:${layout.dockerSocket}`];
    const logFile = join(this.#directory.path, 'ssh.log');
    this.#ssh = new Child('ssh', [...forward, ...sshArguments()], { logFile });
  }

  /** Returns when the socket is there; each connection to it is one to the node's socket of that moment. */
  static async open(): Promise<ForwardedEngine> {
    const engine = new ForwardedEngine();
    const context = () => engine.#ssh.log;
    await until('ssh forwards the socket of the engine', () => existsSync(engine.#socket), { context });
    return engine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ssh[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}
