import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { connect as connectPlainly, isIP } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectSecurely } from 'node:tls';

/** The certificates of TLS in PEM; without `ca`, those that Node trusts. */
export type TlsFiles = {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
};

/** An engine that is not behind a socket of this machine. Without `tls` the connection is not encrypted. */
export type RemoteAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TlsFiles }
  | {
      readonly kind: 'ssh';
      readonly host: string;
      readonly user?: string | undefined;
      readonly port?: string | undefined;
      /** The path of the engine's socket there; else what the docker command takes there. */
      readonly socket?: string | undefined;
    };

/** Makes the connections to an engine, one for each request. */
export class EngineAgent extends Agent {
  readonly #address: RemoteAddress;

  constructor(address: RemoteAddress) {
    super({ keepAlive: false });
    this.#address = address;
  }

  override createConnection(): Duplex {
    return this.#address.kind === 'ssh' ? new SshConnection(this.#address) : tcpConnection(this.#address);
  }
}

/** After this time without an answer the system asks whether the other end is still there, in milliseconds. */
const aliveMs = 30_000;

function tcpConnection({ host, port, tls }: RemoteAddress & { kind: 'tcp' }): Duplex {
  const socket =
    tls === undefined
      ? connectPlainly({ host, port })
      : connectSecurely({ ...tls, host, port, ...(isIP(host) === 0 ? { servername: host } : {}) });
  return socket.setKeepAlive(true, aliveMs).setNoDelay(true);
}

/** The arguments of `ssh` that the docker command has, too. Pure. */
export function sshArguments({ host, user, port, socket }: RemoteAddress & { kind: 'ssh' }): string[] {
  return [
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', port]),
    ...['-o', 'ConnectTimeout=30', '-T', '--', host, 'docker'],
    ...(socket === undefined ? [] : ['--host', `unix://${socket}`]),
    ...['system', 'dial-stdio'],
  ];
}

/** In characters; it goes into a message. */
const longestWhy = 1_000;

/**
 * The way of the docker command: ssh itself connects, so that ~/.ssh/config, agents and known hosts count, and the
 * docker command there passes the bytes on to its engine.
 */
class SshConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #why = '';

  constructor(address: RemoteAddress & { kind: 'ssh' }) {
    super();
    // In a session of its own, so that Ctrl-C of the terminal does not end it; it then cannot ask for a password.
    const options = { stdio: 'pipe', detached: true, windowsHide: true } as const;
    const child = spawn('ssh', sshArguments(address), options);
    this.#child = child;
    child.on('error', (error) => this.destroy(new Error(`cannot start ssh: ${error.message}`)));
    child.on('close', (code) => this.#closed(code));
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#why = (this.#why + text).slice(-longestWhy);
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  /** What cannot be written fails when ssh has ended, with its reason. */
  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.#child.stdin.write(chunk, encoding, (error) => {
      if (!error) done();
    });
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  #closed(code: number | null): void {
    // What was received is read first.
    if (code === 0) this.push(null);
    else this.destroy(new Error(`ssh ended with exit code ${code}: ${this.#why.trim()}`));
  }
}
