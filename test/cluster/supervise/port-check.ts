import { once } from 'node:events';
import { createServer } from 'node:net';

/** A TCP address a part listens on. */
export type Address = { host: string; port: number };

/**
 * Rejects when somebody else already listens there: a part would fail, and worse, its health check would be
 * answered by the stranger.
 */
export async function expectFree(part: string, address: Address): Promise<void> {
  const server = createServer();
  try {
    server.listen({ ...address, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    const { host, port } = address;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${part} needs ${host}:${port} for itself (${why}): see who has it with 'ss -ltnp sport = :${port}'`,
    );
  } finally {
    server.close();
  }
}

/** The TCP address in a URL that names its port. */
export function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
