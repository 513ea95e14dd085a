import { validateHeaderName, validateHeaderValue } from 'node:http';
import { ByteSocket } from './socket.ts';
import { lookupOtherHost } from './redirect.ts';
import { framingOf, HeadCollector, MalformedResponse, type ResponseHead } from './http1.ts';
import { SocketBody } from './byte-socket-body.ts';
import type { ByteSource } from './byte-body.ts';
import { checkProxy, type HttpResponse, commonHeaders, type Exchange, wireError } from './transport.ts';
import { openTunnel, proxyFor, proxyHeaders } from '../../support/egress.ts';

/** The memory for the response, and the body of the request, if it has one. */
export type Bytes = { readonly buffer: Buffer; readonly source?: ByteSource };

/**
 * The Exchanger for long bodies: a response comes through `buffer`, a request through the buffer of its
 * source. Neither allocates memory that grows with the length of the body.
 */
export async function exchangeBytes(request: Exchange, { buffer, source }: Bytes): Promise<HttpResponse> {
  const { signal } = request;
  let socket: ByteSocket | undefined;
  try {
    signal.throwIfAborted();
    const text = headOf(request);
    socket = await open(request, buffer);
    const head = await Promise.race([readHead(socket, signal), send(socket, text, source)]);
    const body = new SocketBody(socket, framingOf(head));
    const header = (name: string) => head.headers.get(name.toLowerCase());
    return checkProxy(request, { status: head.status, body, header });
  } catch (error) {
    socket?.destroy();
    throw wireError(error, request);
  }
}

/** A proxy forwards plain requests, and connects to encrypted servers. */
async function open({ url, isOtherHost, signal }: Exchange, buffer: Buffer): Promise<ByteSocket> {
  const proxy = proxyFor(url);
  if (proxy === undefined) {
    return new ByteSocket(url, buffer, isOtherHost === true ? { lookup: lookupOtherHost } : {});
  }
  if (url.protocol === 'http:') return new ByteSocket(proxy.url, buffer);
  return new ByteSocket(url, buffer, { tunnel: await openTunnel(proxy, url, signal) });
}

/**
 * Sends the request. It never resolves, only rejects: the response may come before the request is sent, or
 * never.
 */
async function send(socket: ByteSocket, head: string, source: ByteSource | undefined): Promise<never> {
  await socket.send(Buffer.from(head, 'latin1'));
  if (source !== undefined) await sendAll(socket, source);
  return new Promise<never>(() => undefined);
}

/** While one half of the memory is being sent, the next bytes are read into the other half. */
async function sendAll(socket: ByteSocket, source: ByteSource): Promise<void> {
  const middle = Math.ceil(source.buffer.length / 2);
  let [free, busy] = [source.buffer.subarray(0, middle), source.buffer.subarray(middle)];
  let sending = Promise.resolve();
  for (;;) {
    const bytes = await source.next(free);
    await sending;
    if (bytes === 0) return;
    sending = socket.send(free.subarray(0, bytes));
    // It is awaited after the next read; until then a failure must not count as an unhandled rejection.
    sending.catch(() => undefined);
    [free, busy] = [busy, free];
  }
}

function headOf({ method, url, headers }: Exchange): string {
  const proxy = url.protocol === 'http:' ? proxyFor(url) : undefined;
  const ofProxy = proxy === undefined ? {} : proxyHeaders(proxy);
  const all = { Host: url.host, ...commonHeaders, ...headers, ...ofProxy, Connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  const target = `${proxy === undefined ? '' : url.origin}${url.pathname}${url.search}`;
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function readHead(socket: ByteSocket, signal: AbortSignal): Promise<ResponseHead> {
  const { promise, resolve, reject } = Promise.withResolvers<ResponseHead>();
  const onAbort = () => reject(new Error('aborted'));
  signal.addEventListener('abort', onAbort, { once: true });
  let collector = new HeadCollector();
  const readUnread = () => {
    while (socket.hasUnread) {
      const { used, head } = collector.take(socket.unread);
      socket.consume(used);
      if (head === undefined) continue;
      if (!isInterim(head)) {
        socket.detach();
        resolve(head);
        return false;
      }
      collector = new HeadCollector();
    }
    if (socket.failure !== undefined) throw socket.failure;
    // A load balancer accepts connections also while the server behind it is away: not an answer of another protocol.
    if (socket.hasEnded) throw new Error('it closed the connection without a response');
    return true;
  };
  socket.attach(() => {
    try {
      return readUnread();
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  });
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}

/**
 * True for "100 Continue" and the like, which come before the response; no request asks to switch protocols.
 */
function isInterim({ status }: ResponseHead): boolean {
  if (status === 101) throw new MalformedResponse('it switches to another protocol');
  return status < 200;
}
