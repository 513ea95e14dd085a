import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { exchangeBytes } from '../../../src/girder/http/byte-exchange.ts';
import { RedirectRefused } from '../../../src/girder/http/redirect.ts';
import { exchange, type Exchange, type Exchanger } from '../../../src/girder/http/transport.ts';

const test = suite<{ server: Server; port: number; asked: number }>('requests that follow a redirect');

test.before.each(async (context) => {
  context.asked = 0;
  context.server = createServer((_, response) => {
    context.asked += 1;
    response.end('x');
  });
  await new Promise<void>((resolve) => context.server.listen(0, 'localhost', resolve));
  context.port = (context.server.address() as AddressInfo).port;
});
test.after.each(({ server }) => void server.close());

const ways: Readonly<Record<string, Exchanger>> = {
  'short bodies': (request) => exchange(request),
  'long bodies': (request) => exchangeBytes(request, { buffer: Buffer.alloc(1024) }),
};

function ask(url: string, isOtherHost: boolean): Exchange {
  return { method: 'GET', url: new URL(url), headers: {}, signal: AbortSignal.timeout(5_000), isOtherHost };
}

for (const [what, send] of Object.entries(ways)) {
  for (const scheme of ['http', 'https']) {
    test(`for ${what}, a name that resolves to the node is refused before anything is sent (${scheme})`, async (context) => {
      const url = `${scheme}://localhost:${context.port}/`;
      const error: unknown = await send(ask(url, true)).catch((thrown: unknown) => thrown);
      assert.instance(error, RedirectRefused);
      assert.match((error as Error).message, /^to localhost, which is (127\.0\.0\.1|::1), /);
      assert.is(context.asked, 0);
    });
  }

  test(`for ${what}, the API itself may be on the node`, async (context) => {
    const answer = await send(ask(`http://localhost:${context.port}/`, false));
    answer.body.destroy();
    assert.is(answer.status, 200);
    assert.is(context.asked, 1);
  });
}

test.run();
