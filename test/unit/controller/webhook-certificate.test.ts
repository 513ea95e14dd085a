import { X509Certificate } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CertificatePair,
  isDue,
  lifetime,
  makeCertificate,
  readPair,
} from '../../../src/controller/admission/webhook-certificate.ts';

const { validMs, renewBeforeMs } = lifetime;
const host = 'dockerrun-controller.dockerrun-system.svc';
const made = new Date('2026-03-01T12:00:00Z');
const pair = makeCertificate(host, made);
const at = (ms: number) => new Date(made.getTime() + ms);
const day = 24 * 3600_000;

test('the certificate is for the host, signed by its authority, and cannot sign others', () => {
  const [leaf, authority] = [new X509Certificate(pair.cert), new X509Certificate(pair.ca)];
  assert.is(leaf.checkHost(host), host);
  assert.is(leaf.checkHost('other.svc'), undefined);
  assert.ok(leaf.checkIssued(authority) && leaf.verify(authority.publicKey));
  assert.equal([leaf.ca, authority.ca], [false, true]);
});

test('two certificates have different authorities and serial numbers', () => {
  const other = new X509Certificate(makeCertificate(host, made).ca);
  const authority = new X509Certificate(pair.ca);
  assert.not.equal(other.subject, authority.subject);
  assert.not.equal(other.serialNumber, authority.serialNumber);
});

test('a certificate that ends after 2049 has the same dates', () => {
  const late = new Date('2055-05-06T07:08:09Z');
  const { cert } = makeCertificate(host, late);
  assert.is(new X509Certificate(cert).validToDate.getTime(), late.getTime() + validMs);
});

test('a certificate is replaced long before its end, and never before', () => {
  const readable = readPair(pair, host);
  for (const [ms, due] of [
    [0, false],
    [validMs - renewBeforeMs - day, false],
    [validMs - renewBeforeMs + day, true],
    [validMs + day, true],
  ] as const)
    assert.is(isDue(readable, at(ms)), due, `${ms / day} days`);
});

test('a certificate of a clock that was ahead is replaced', () => {
  assert.is(isDue(readPair(pair, host), at(-2 * day)), true);
});

test('garbage in the Secret cannot be read, and is replaced', () => {
  const other = makeCertificate(host, made);
  const garbage: Record<string, CertificatePair> = {
    empty: { key: '', cert: '', ca: '' },
    'no PEM': { key: 'a', cert: 'b', ca: 'c' },
    'another key': { ...pair, key: other.key },
    'another authority': { ...pair, ca: other.ca },
    'no authority': { ...pair, ca: '' },
    'cut off': { ...pair, cert: pair.cert.slice(0, 300) },
    'of another host': makeCertificate('other.svc', made),
    'too long': { ...pair, ca: pair.ca.repeat(100) },
  };
  for (const [what, one] of Object.entries(garbage)) {
    assert.is(readPair(one, host), undefined, what);
    assert.is(isDue(readPair(one, host), made), true, what);
  }
});

test('a bundle with the authority before is good', () => {
  const before = makeCertificate(host, made);
  const bundle = { ...pair, ca: before.ca + pair.ca };
  assert.is(readPair(bundle, host)?.authorities.length, 2);
});

test.run();
