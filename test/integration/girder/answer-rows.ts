import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { useEgress } from '../../../src/support/egress.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { makePrivateCa } from '../../fixtures/tls-front.ts';
import { answer, type Fault, GirderGate, page } from './girder-gate.ts';
import { girderEnvironment } from './real-girder.ts';

/**
 * What answers of Girder, and of servers in front of it or in its place, mean to a run. Each row is seen over real
 * sockets, and is a row of docs/field-cases.md.
 */

const { apiUrl } = girderEnvironment();

/** How long a fault lasts that the run waits for: longer than a failure that is retried only for a while. */
export const outageMs = Number(process.env['OUTAGE_MS'] ?? 11_000);

/** When the run fails, or that it waits for Girder. */
export type Patience = 'at once' | 'after 5 s' | 'after 8 s' | 'after 10 s' | 'it waits';

/** What a run does: it connects, or it moves a file after Girder has answered. */
type Act = 'connect' | 'download' | 'upload';

export type Row = {
  readonly kind: string;
  readonly act?: Act;
  readonly fails: Patience;
  readonly reason?: string;
  /** What the message names: the culprit, and how to fix it. */
  readonly names: RegExp;
  /** The fault of the server in front of Girder, one that has to be prepared, or an address that has the fault. */
  readonly fault: Fault | { readonly made: Make<Fault> } | { readonly url: Make<string> };
  readonly credentials?: { readonly apiKey: string } | { readonly token: string };
};

type Make<T> = (stack: AsyncDisposableStack) => Promise<T>;

const token = 'x'.repeat(64);
const unsigned = makePrivateCa('Laboratory CA');

/** A gate that speaks TLS with a certificate of a CA that is trusted, valid for some days from now. */
async function secureGate(stack: AsyncDisposableStack, names: string, days: number): Promise<string> {
  const directory = stack.use(new ScratchDirectory('certificate')).path;
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key'];
  await writeFile(join(directory, 'extensions'), `subjectAltName=${names}\nbasicConstraints=CA:TRUE\n`);
  openssl('req', ...key, '-subj', '/CN=front', '-out', 'request');
  const signed = ['-signkey', 'key', '-extfile', 'extensions', '-days', String(days)];
  openssl('x509', '-req', '-in', 'request', '-out', 'cert', ...signed);
  const [cert, secret] = await Promise.all(
    ['cert', 'key'].map((name) => readFile(join(directory, name), 'utf8')),
  );
  const gate = await GirderGate.start(apiUrl, { key: secret ?? '', cert: cert ?? '' });
  stack.use(gate);
  trusted.push(cert ?? '');
  useEgress({ caBundle: trusted.join('\n') });
  return gate.url;
}

const trusted: string[] = [];

const internal = JSON.stringify({
  type: 'internal',
  uid: 'x',
  message: 'An unexpected error occurred on the server.',
});
const gone = JSON.stringify({ type: 'girder', message: 'File /assets/ab/cd does not exist' });
const document = JSON.stringify({ _id: 'x', name: 'x', size: 1 });

export const answerRows: readonly Row[] = [
  {
    kind: 'A login page or captive portal answers with 200 and HTML',
    fails: 'at once',
    names:
      /not a Girder API: it sent an HTML page "Sign in", so a login page or a proxy answers in its place/,
    fault: page('200 OK', 'Sign in'),
  },
  {
    kind: 'Redirect to a login page on another host',
    fails: 'at once',
    names: /redirects the token of the run to http:\/\/sso\.example\.org\/login; .*without a login/,
    fault: answer('302 Found', '', 'Location: http://sso.example.org/login?next=secret'),
    credentials: { token },
  },
  {
    kind: 'Redirect to a login page on the same host',
    fails: 'at once',
    names: /which redirects to \/sso\/login, is not a Girder API: it sent an HTML page "Log in"/,
    fault: (socket, request) =>
      (request.startsWith('GET /sso/login')
        ? page('200 OK', 'Log in')
        : answer('302 Found', '', 'Location: /sso/login'))(socket, request),
    credentials: { token },
  },
  {
    kind: 'Redirect from http to https',
    fails: 'at once',
    names:
      /redirects the API key of the run to https:\/\/localhost\/api\/v1\/api_key\/token; use its final address/,
    fault: answer('301 Moved Permanently', '', 'Location: https://localhost/api/v1/api_key/token'),
  },
  {
    kind: 'A firewall for web applications answers with 403 and HTML',
    fails: 'at once',
    names:
      /a server in front of Girder .* forbids the request for .* \(403\): it sent an HTML page "Blocked"/,
    fault: page('403 Forbidden', 'Blocked'),
  },
  {
    kind: 'The address lacks /api/v1 (404 and HTML)',
    fails: 'at once',
    names: /returned 404, and it is not a Girder API: .*girder\.apiUrl usually ends with \/api\/v1/,
    fault: { url: async () => apiUrl.replace('/api/v1', '') },
  },
  {
    kind: 'A server in front of Girder requires a login of its own (401)',
    fails: 'at once',
    names: /a server in front of Girder .* requires a login of its own \(401\)/,
    fault: page('401 Unauthorized', '401', 'WWW-Authenticate: Basic realm="x"'),
  },
  {
    kind: 'A proxy on the way requires a login (407)',
    fails: 'at once',
    names: /a proxy on the way to Girder .* requires a user and password \(407\); set worker\.proxy/,
    fault: page('407 Proxy Authentication Required', 'Proxy'),
  },
  {
    kind: 'The API key was deleted',
    fails: 'at once',
    reason: 'GirderUnauthorized',
    names: /refused the API key of the run: Invalid API key/,
    fault: { url: async () => apiUrl },
    credentials: { apiKey: 'y'.repeat(40) },
  },
  {
    kind: 'A certificate has expired',
    fails: 'at once',
    names: /has an expired certificate: .*; renew it on the server/,
    fault: { url: (stack) => secureGate(stack, 'DNS:localhost', -1) },
  },
  {
    kind: 'A certificate is for another name',
    fails: 'at once',
    names:
      /has a certificate for another name: .*other\.example\.org.*; use a name that it is for in girder\.apiUrl/,
    fault: { url: (stack) => secureGate(stack, 'DNS:other.example.org', 1) },
  },
  {
    kind: 'A certificate is signed by itself or by an unknown CA',
    fails: 'at once',
    names: /has an untrusted certificate: .*worker\.caBundle/,
    fault: { url: async (stack) => stack.use(await GirderGate.start(apiUrl, unsigned)).url },
  },
  {
    kind: 'https:// to a port without TLS',
    fails: 'after 5 s',
    names: /does not speak TLS as it should; it may need http:\/\/ or another port/,
    fault: { url: async () => apiUrl.replace('http://', 'https://') },
  },
  {
    kind: 'http:// to a port with TLS that closes the connection',
    fails: 'after 5 s',
    names: /speaks TLS, so girder\.apiUrl must begin with https:\/\//,
    fault: {
      url: async (stack) =>
        stack.use(await GirderGate.start(apiUrl, unsigned)).url.replace('https://', 'http://'),
    },
  },
  {
    kind: 'http:// to a port with TLS of nginx (400 and HTML)',
    fails: 'at once',
    names: /returned 400, and it is not a Girder API: .*"400 The plain HTTP request was sent to HTTPS port"/,
    fault: page('400 Bad Request', '400 The plain HTTP request was sent to HTTPS port'),
  },
  {
    kind: 'Another protocol on the port',
    fails: 'after 5 s',
    names: /does not speak HTTP\/1\.1; it may need https:\/\/ or another port/,
    fault: (socket) => socket.end('\u0015\u0003\u0001\u0000\u0002\u0002\u0046'),
  },
  {
    kind: 'No name server knows the name',
    fails: 'after 8 s',
    names: /ENOTFOUND.*no name server knows no-such-girder\.example\.org/,
    fault: { url: async () => 'http://no-such-girder.example.org/api/v1' },
  },
  {
    kind: 'The connection is refused',
    fails: 'it waits',
    names: /ECONNREFUSED/,
    fault: {
      url: async (stack) => {
        const [port = 0] = await freePorts(1);
        setTimeout(
          () => void GirderGate.start(apiUrl, undefined, port).then((gate) => stack.use(gate)),
          outageMs,
        );
        return `http://localhost:${port}/api/v1`;
      },
    },
  },
  {
    kind: 'The connection is reset, also during the handshake of TLS',
    fails: 'it waits',
    names: /ECONNRESET|socket hang up/,
    fault: (socket) => void socket.resetAndDestroy(),
  },
  {
    kind: 'nginx answers with 502, 503 or 504 and HTML',
    fails: 'it waits',
    names: /a server in front of it returned 502, with an HTML page "502 Bad Gateway"/,
    fault: page('502 Bad Gateway', '502 Bad Gateway'),
  },
  {
    kind: 'A server in front of Girder fails with 500 and HTML',
    fails: 'it waits',
    names: /a server in front of it returned 500, with an HTML page "Oops"/,
    fault: page('500 Internal Server Error', 'Oops'),
  },
  {
    kind: 'Girder fails with 500 before it knows the session (its database is away)',
    fails: 'it waits',
    names: /it returned 500 "An unexpected error occurred on the server\."/,
    fault: answer('500 Internal Server Error', internal),
  },
  {
    kind: '429 with `Retry-After: 0` or one that cannot be read',
    fails: 'it waits',
    names: /it returned 429/,
    fault: answer('429 Too Many Requests', '', 'Retry-After: soon'),
  },
  {
    kind: 'The body ends before its Content-Length',
    fails: 'it waits',
    names: /aborted|closed|hang up|too early/,
    fault: answer('200 OK', '{"authToken":', 'Content-Length: 500'),
  },
  {
    kind: 'An answer that is cut inside its JSON',
    fails: 'after 10 s',
    names: /its response is not JSON, it is cut/,
    fault: answer('200 OK', '{"authToken":{"tok'),
  },
  {
    kind: 'An empty 200 or 204 in place of a document',
    fails: 'after 10 s',
    names: /its response is not JSON, it is an empty body/,
    fault: answer('204 No Content', ''),
  },
  {
    kind: 'JSON of another shape',
    fails: 'at once',
    names: /is not a Girder API: expected a authToken|is not a Girder API: .*authToken/,
    fault: answer('200 OK', '{"status":"ok"}'),
  },
  {
    kind: 'A server in between compresses a document',
    fails: 'at once',
    names: /encodes the response for the API key of the run as gzip.*turn its compression off/,
    fault: (socket) => {
      const body = gzipSync(document);
      socket.write(
        `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.end(body);
    },
  },
  {
    kind: 'Girder fails at a file with 500: its assetstore has lost it, or is away',
    act: 'download',
    fails: 'after 10 s',
    names:
      /fails at file .* \(500\) "File \/assets\/ab\/cd does not exist"; its assetstore, a plugin or the file/,
    fault: answer('500 Internal Server Error', gone),
  },
  {
    kind: 'A login page in place of the bytes of a file',
    act: 'download',
    fails: 'after 10 s',
    names: /sent an HTML page in place of file .*, so a login page or a proxy answers in its place/,
    fault: page('200 OK', 'Sign in'),
  },
  {
    kind: 'A server in between compresses the bytes of a file',
    act: 'download',
    fails: 'at once',
    names: /encodes the response for file .* as gzip/,
    fault: answer('200 OK', 'xxxx', 'Content-Encoding: gzip'),
  },
  {
    kind: 'A firewall answers a download with 403 and HTML',
    act: 'download',
    fails: 'after 10 s',
    names: /a server in front of Girder .* forbids the request for file .* \(403\)/,
    fault: page('403 Forbidden', 'Blocked'),
  },
  {
    kind: 'The store to which Girder redirects has no such object, or denies access',
    act: 'download',
    fails: 'after 10 s',
    reason: 'DownloadFailed',
    names:
      /Girder .* lists them, but http:\/\/.*, to which it redirects, returned 404 with the error NoSuchKey/,
    fault: {
      made: async (stack) => {
        const store = stack.use(await GirderGate.start(apiUrl));
        store.setFault(answer('404 Not Found', '<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'));
        return answer('303 See Other', '', `Location: ${store.origin}/bucket/key?signature=secret`);
      },
    },
  },
  {
    kind: 'A load balancer closes connections without a response during a download',
    act: 'download',
    fails: 'it waits',
    names: /it closed the connection without a response$/,
    fault: (socket) => socket.end(),
  },
  {
    kind: 'Girder is in maintenance during a download (503)',
    act: 'download',
    fails: 'it waits',
    names: /a server in front of it returned 503, with an HTML page "Maintenance"/,
    fault: page('503 Service Unavailable', 'Maintenance', 'Retry-After: 1'),
  },
  {
    kind: 'Girder is in maintenance during an upload (503)',
    act: 'upload',
    fails: 'it waits',
    names: /a server in front of it returned 503, with an HTML page "Maintenance"/,
    fault: page('503 Service Unavailable', 'Maintenance'),
  },
  {
    kind: 'The controller of an ingress restarts during an upload (404 and a text)',
    act: 'upload',
    fails: 'it waits',
    names: /returned 404, and it is not a Girder API: it sent a text/,
    fault: answer('404 Not Found', 'default backend - 404'),
  },
];
