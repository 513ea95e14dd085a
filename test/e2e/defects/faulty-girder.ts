import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { podBridgeAddress } from '../support/http-sink.ts';
import { environment } from '../support/environment.ts';

/** The test Girder behind a proxy that injects faults on demand, at an address that pods can reach. */
export class FaultyGirder implements AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly #entrance: Server;

  private constructor(proxy: FaultProxy) {
    this.proxy = proxy;
    const port = Number(new URL(proxy.origin).port);
    this.#entrance = createServer((client) => {
      const inside = connect(port, '127.0.0.1');
      client.on('error', () => inside.destroy()).on('close', () => inside.destroy());
      inside.on('error', () => client.destroy()).on('close', () => client.destroy());
      client.pipe(inside).pipe(client);
    });
  }

  static async start(): Promise<FaultyGirder> {
    const girder = new FaultyGirder(await FaultProxy.start(environment('GIRDER_API_URL')));
    await new Promise<void>((resolve) => girder.#entrance.listen(0, podBridgeAddress(), resolve));
    return girder;
  }

  /** The address for `spec.girder.apiUrl`. */
  get apiUrl(): string {
    const { port } = this.#entrance.address() as AddressInfo;
    return `http://${podBridgeAddress()}:${port}${new URL(this.proxy.url).pathname}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await new Promise((resolve) => this.#entrance.close(resolve));
  }
}
