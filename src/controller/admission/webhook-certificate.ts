import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '../../kube/connection.ts';
import { listAt, recordAt, textAt } from '../../kube/json.ts';
import { isConflict, isNotFound } from '../../kube/kube-error.ts';
import { paths } from '../../kube/paths.ts';
import { requestJson } from '../../kube/request.ts';
import { sleep } from '../../support/abort.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';

/** PEM texts: what a TLS server needs, and the authorities by which its clients verify it. */
export type CertificatePair = { readonly key: string; readonly cert: string; readonly ca: string };

const dayMs = 24 * 3600_000;

/** How long a certificate is valid, and how long before its end it is replaced. */
export type Lifetime = { readonly validMs: number; readonly renewBeforeMs: number };

export const lifetime: Lifetime = { validMs: 90 * dayMs, renewBeforeMs: 30 * dayMs };

/** The clock of a client may be this much behind. */
const skewMs = 3600_000;

/**
 * Makes a key and a certificate for a host name, signed by an authority that signs nothing else: its key is
 * forgotten at once, so that nobody can steal it. Node.js can verify certificates but not make them; the few
 * DER structures are written here, because a library for all of X.509 has 20 packages.
 */
export function makeCertificate(host: string, now: Date, { validMs } = lifetime): CertificatePair {
  const authority = keyPair();
  const server = keyPair();
  const validity = [new Date(now.getTime() - skewMs), new Date(now.getTime() + validMs)] as const;
  const keyId = der(0x04, digestOf(authority.publicKey));
  const issuer = name(`dockerrun ${randomBytes(8).toString('hex')}`);
  const ca = certificate({
    ...{ issuer, subject: issuer, validity, publicKey: authority.publicKey, signer: authority.privateKey },
    extensions: [
      extension(oids.basicConstraints, sequence(der(0x01, Buffer.of(0xff)), integer(Buffer.of(0))), true),
      extension(oids.keyUsage, der(0x03, Buffer.of(2, 0x04)), true), // keyCertSign
      extension(oids.subjectKeyId, keyId),
    ],
  });
  const cert = certificate({
    ...{ issuer, subject: name('dockerrun webhook'), validity, publicKey: server.publicKey },
    signer: authority.privateKey,
    extensions: [
      extension(oids.keyUsage, der(0x03, Buffer.of(7, 0x80)), true), // digitalSignature
      extension(oids.authorityKeyId, sequence(der(0x80, digestOf(authority.publicKey)))),
      extension(oids.extendedKeyUsage, sequence(oid(oids.serverAuth))),
      extension(oids.subjectAltName, sequence(der(0x82, Buffer.from(host, 'ascii')))),
    ],
  });
  return { key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert, ca };
}

const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });
const digestOf = (key: KeyObject) => createHash('sha256').update(spki(key)).digest().subarray(0, 20);
const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

/** Hexadecimal, as DER encodes them. */
const oids = {
  commonName: '550403',
  keyUsage: '551d0f',
  subjectKeyId: '551d0e',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  authorityKeyId: '551d23',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  ecdsaWithSha256: '2a8648ce3d040302',
} as const;

type Content = {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly validity: readonly [from: Date, to: Date];
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly signer: KeyObject;
};

/** RFC 5280, section 4.1. */
function certificate({ issuer, subject, validity, publicKey, extensions, signer }: Content): string {
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const toSign = sequence(
    der(0xa0, integer(Buffer.of(2))), // version 3
    integer(Buffer.concat([Buffer.of(0x40), randomBytes(15)])), // positive, without a leading zero
    algorithm,
    issuer,
    sequence(...validity.map(time)),
    subject,
    spki(publicKey),
    der(0xa3, sequence(...extensions)),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', toSign, signer));
  const base64 = sequence(toSign, algorithm, signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
const integer = (bytes: Buffer) => der(0x02, bytes);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const name = (common: string) =>
  sequence(der(0x31, sequence(oid(oids.commonName), der(0x0c, Buffer.from(common)))));

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  const critical = isCritical ? [der(0x01, Buffer.of(0xff))] : [];
  return sequence(oid(id), ...critical, der(0x04, value));
}

/** UTCTime to the end of 2049, then GeneralizedTime. */
function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return text < '2050' ? der(0x17, Buffer.from(`${text.slice(2)}Z`)) : der(0x18, Buffer.from(`${text}Z`));
}

/** A pair that a server can use, and until when. */
export type Readable = { readonly authorities: readonly string[]; readonly from: Date; readonly to: Date };

const pemCertificate = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;

/** PEM texts of a Secret that are longer are not ours. */
const longestPem = 32 * 1024;

/** Reads a pair; undefined when it is garbage, or when a client that trusts `ca` would not accept it for the host. */
export function readPair({ key, cert, ca }: CertificatePair, host: string): Readable | undefined {
  if ([key, cert, ca].some((pem) => pem.length > longestPem)) return undefined;
  try {
    const leaf = new X509Certificate(cert);
    const authorities = ca.match(pemCertificate) ?? [];
    const isSigned = authorities.some((pem) => leaf.verify(new X509Certificate(pem).publicKey));
    const isUsable =
      isSigned && leaf.checkHost(host) !== undefined && leaf.checkPrivateKey(createPrivateKey(key));
    return isUsable ? { authorities, from: leaf.validFromDate, to: leaf.validToDate } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a pair has to be replaced now: garbage, expired, about to, or made by a clock that was ahead. */
export function isDue(pair: Readable | undefined, now: Date, { renewBeforeMs } = lifetime): boolean {
  if (pair === undefined) return true;
  return now < pair.from || now.getTime() > pair.to.getTime() - renewBeforeMs;
}

/** Reads the certificate to serve, and replaces it first if need be. */
export type CertificateSource = (signal: AbortSignal) => Promise<Pick<CertificatePair, 'key' | 'cert'>>;

/** The files of a Secret that another program renews, such as cert-manager. */
export function certificateFiles(directory: string): CertificateSource {
  return async () => ({
    key: await readFile(join(directory, 'tls.key'), 'utf8'),
    cert: await readFile(join(directory, 'tls.crt'), 'utf8'),
  });
}

type SecretOptions = {
  readonly connection: Connection;
  /** Of the Secret and of the ValidatingWebhookConfiguration. */
  readonly name: string;
  /** The name by which the API server calls the webhook. */
  readonly host: string;
  readonly log: Logger;
  readonly lifetime?: Lifetime;
};

/** A write that somebody else was ahead of is not an error: their pair is read, and is good. */
const maxConflicts = 5;

/**
 * The pair in the Secret of the operator, which every replica checks and any of them replaces; the Secret's
 * resource version decides who. The authority before stays in the bundle until its end, because the other
 * replicas serve the certificate before until they look.
 */
export function certificateSecret(options: SecretOptions): CertificateSource {
  const { connection, name, host, log, lifetime: life = lifetime } = options;
  let served: CertificatePair | undefined;
  const path = `${paths.secrets(connection.namespace)}/${name}`;
  const current = async (signal: AbortSignal): Promise<CertificatePair> => {
    const secret = await requestJson(connection, { method: 'GET', path, signal }).catch(absent);
    const stored = pairIn(secret);
    const readable = readPair(stored, host);
    const now = connection.clock.now();
    if (!isDue(readable, now, life)) return stored;
    const made = makeCertificate(host, now, life);
    const before = (readable?.authorities ?? []).slice(0, 1).filter((pem) => isValidAt(pem, now));
    const pair = { ...made, ca: [made.ca, ...before.map((pem) => `${pem}\n`)].join('') };
    await writeSecret(options, { secret, pair }, signal);
    log.info({ secret: name, had: readable?.to }, 'webhook certificate made');
    return pair;
  };
  return async (signal) => {
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        const pair = await current(signal);
        const isNews = await trustAuthority(options, pair.ca, signal);
        // API servers read the new authority a moment later, and still trust the one before.
        if (isNews && served !== undefined && readPair({ ...served, ca: pair.ca }, host) !== undefined)
          return served;
        return (served = pair);
      } catch (error) {
        if (!isConflict(error) || conflicts >= maxConflicts) throw error;
      }
    }
  };
}

const absent = (error: unknown) => {
  if (isNotFound(error)) return undefined;
  throw error;
};

function pairIn(secret: unknown): CertificatePair {
  const data = recordAt(secret, 'data');
  const text = (key: string) => Buffer.from(textAt(data, key) ?? '', 'base64').toString('utf8');
  return { key: text('tls.key'), cert: text('tls.crt'), ca: text('ca.crt') };
}

function isValidAt(pem: string, now: Date): boolean {
  return new X509Certificate(pem).validToDate > now;
}

/** Rejects with a conflict when another replica was first. */
async function writeSecret(
  { connection, name }: SecretOptions,
  { secret, pair }: { secret: unknown; pair: CertificatePair },
  signal: AbortSignal,
): Promise<void> {
  const all = paths.secrets(connection.namespace);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const data = { 'tls.key': base64(pair.key), 'tls.crt': base64(pair.cert), 'ca.crt': base64(pair.ca) };
  // The type of a Secret cannot change, whoever made it.
  const type = textAt(secret, 'type') ?? 'kubernetes.io/tls';
  const body = { apiVersion: 'v1', kind: 'Secret', type, data };
  if (secret === undefined) {
    await requestJson(connection, {
      method: 'POST',
      path: all,
      body: { ...body, metadata: { name } },
      signal,
    });
    return;
  }
  const metadata = recordAt(secret, 'metadata');
  await requestJson(connection, {
    method: 'PUT',
    path: `${all}/${name}`,
    body: { ...body, metadata },
    signal,
  });
}

/**
 * Writes the authorities into the ValidatingWebhookConfiguration, before the certificate is served. Without a
 * configuration nobody asks, and there is nothing to write. Resolves with whether they were written.
 */
async function trustAuthority(
  { connection, name, log }: SecretOptions,
  ca: string,
  signal: AbortSignal,
): Promise<boolean> {
  const path = `${paths.webhookConfigurations()}/${name}`;
  const configuration = await requestJson(connection, { method: 'GET', path, signal }).catch(absent);
  const caBundle = Buffer.from(ca).toString('base64');
  const webhooks = listAt(configuration, 'webhooks').flatMap((webhook) =>
    textAt(recordAt(webhook, 'clientConfig'), 'caBundle') === caBundle
      ? []
      : [{ name: textAt(webhook, 'name'), clientConfig: { caBundle } }],
  );
  if (webhooks.length === 0) return false;
  const resourceVersion = textAt(recordAt(configuration, 'metadata'), 'resourceVersion');
  // Merges the list by name; a merge patch would replace the webhooks.
  const contentType = 'application/strategic-merge-patch+json';
  const body = { metadata: { resourceVersion }, webhooks };
  await requestJson(connection, { method: 'PATCH', path, body, contentType, signal });
  log.info({ configuration: name }, 'webhook authority written');
  return true;
}

/** How soon a deleted Secret, or a bundle that somebody removed, is noticed. */
const checkMs = 10_000;

export type CertificateUse = {
  readonly source: CertificateSource;
  /** Called with each new pair; it may throw on one that is unusable. */
  readonly use: (pair: Pick<CertificatePair, 'key' | 'cert'>) => void;
  readonly onExpiry: (to: Date) => void;
  /** Called after the first look, whether it succeeded or not. */
  readonly onFirst: () => void;
  readonly log: Logger;
  readonly everyMs?: number;
};

/** Keeps the certificate of the webhook current until the signal aborts; no failure ends it. */
export async function keepCertificate(options: CertificateUse, signal: AbortSignal): Promise<void> {
  const { source, use, onExpiry, onFirst, log, everyMs = checkMs } = options;
  let served: string | undefined;
  while (!signal.aborted) {
    try {
      const pair = await source(signal);
      if (pair.cert + pair.key !== served) {
        use(pair);
        served = pair.cert + pair.key;
        const { validToDate } = new X509Certificate(pair.cert);
        onExpiry(validToDate);
        log.info({ until: validToDate }, 'webhook certificate loaded');
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ error: describe(error) }, 'webhook certificate not current');
    }
    onFirst();
    await sleep(everyMs, signal).catch(() => undefined);
  }
}
