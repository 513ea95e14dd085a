import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';

type ProbeOptions = {
  /** Ask over this unix socket instead of the address in the URL. */
  socketPath?: string;
  headers?: Record<string, string>;
  /** Only for parts on loopback, which make their certificates themselves at every start. */
  allowSelfSigned?: boolean;
  ca?: string;
};

/** Asks an HTTP health endpoint; rejects unless it answers 200. */
export function expectHttpOk(url: string, signal: AbortSignal, options: ProbeOptions = {}): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { allowSelfSigned = false, ...rest } = options;
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  const call = request(
    url,
    { ...rest, rejectUnauthorized: !allowSelfSigned, agent: false, signal },
    (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${url} answers ${response.statusCode}`));
    },
  );
  call.on('error', (error) => reject(new Error(`${url}: ${error.message}`)));
  call.end();
  return promise;
}

/** BSON `{ping: 1, $db: "admin"}` in an OP_MSG: the smallest question MongoDB's protocol answers without a handshake. */
function pingMessage(): Buffer {
  const document = Buffer.from('\x10ping\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0', 'latin1');
  const message = Buffer.alloc(16 + 4 + 1 + 4 + document.length);
  const opMsg = 2013;
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(1, 4);
  message.writeInt32LE(opMsg, 12);
  message.writeInt32LE(4 + document.length, 21);
  document.copy(message, 25);
  return message;
}

type Address = { host: string; port: number };

/** Sends the question over TCP; rejects unless the first bytes of the answer are those of a `protocol` server. */
function expectAnswer(
  { host, port }: Address,
  {
    question,
    isRight,
    protocol,
  }: { question: Buffer; isRight: (answer: Buffer) => boolean; protocol: string },
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host, port, signal });
  socket.on('connect', () => socket.write(question));
  socket.on('data', (answer: Buffer) => {
    if (isRight(answer)) resolve();
    else reject(new Error(`${host}:${port} does not speak ${protocol}`));
    socket.destroy();
  });
  socket.on('error', (error) => reject(new Error(`${host}:${port}: ${error.message}`)));
  socket.on('close', () => reject(new Error(`${host}:${port} closed the connection`)));
  return promise;
}

/** Pings a MongoDB-protocol server; rejects unless it answers with `ok`. */
export function expectMongoPing(address: Address, signal: AbortSignal): Promise<void> {
  const isRight = (answer: Buffer) => answer.includes('\x01ok\0');
  return expectAnswer(address, { question: pingMessage(), isRight, protocol: "MongoDB's protocol" }, signal);
}

/** Greets a broker; rejects unless it offers AMQP 0-9-1, which RabbitMQ does once all of it has started. */
export function expectAmqp(address: Address, signal: AbortSignal): Promise<void> {
  const question = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
  const methodFrame = 1;
  const isRight = (answer: Buffer) => answer[0] === methodFrame;
  return expectAnswer(address, { question, isRight, protocol: 'AMQP 0-9-1' }, signal);
}

/** Asks epmd for its names; rejects unless it answers with its own port. */
export function expectErlangNames(address: Address, signal: AbortSignal): Promise<void> {
  const question = Buffer.from('\0\x01n', 'latin1');
  const isRight = (answer: Buffer) => answer.length >= 4 && answer.readUInt32BE(0) === address.port;
  return expectAnswer(address, { question, isRight, protocol: "epmd's protocol" }, signal);
}
