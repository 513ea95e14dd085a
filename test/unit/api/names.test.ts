import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { containerName, jobName, labelValue, cleanupJobName } from '../../../src/api/names.ts';

const uid = '0b9ad1c6-8f7f-4f0e-9d5c-3c0f6f1f2a3b';
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelPattern = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Any name that the API server accepts for a DockerRun: a DNS subdomain of at most 253 characters. */
const runName = fc
  .array(fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/), { minLength: 1, maxLength: 12 })
  .map((parts) =>
    parts
      .join('.')
      .slice(0, 253)
      .replace(/[^a-z0-9]+$/, ''),
  );

test('the name of a Job is the name of its run and the beginning of its UID', () => {
  assert.is(jobName({ name: 'segment', uid }), 'segment-0b9ad1c6');
});

test('a dot in the name of a run becomes a hyphen in the name of its Job', () => {
  assert.is(jobName({ name: 'lab.segment.v1', uid }), 'lab-segment-v1-0b9ad1c6');
});

test('the name of a Job with the index of a pod fits into a DNS label of 63 characters', () => {
  fc.assert(
    fc.property(runName, fc.uuid(), (name, anyUid) => {
      const job = jobName({ name, uid: anyUid });
      assert.ok(job.length <= 61, job);
      assert.match(`${job}-0`, dnsLabel);
    }),
  );
});

test('the name of the cleanup Job differs from that of the Job and is a DNS label of at most 63 characters', () => {
  assert.is(cleanupJobName({ name: 'segment', uid }), 'segment-0b9ad1c6-cleanup');
  fc.assert(
    fc.property(runName, fc.uuid(), (name, anyUid) => {
      const job = cleanupJobName({ name, uid: anyUid });
      assert.ok(job.length <= 63, job);
      assert.match(job, dnsLabel);
      assert.ok(job.endsWith(`-${anyUid.slice(0, 8)}-cleanup`));
    }),
  );
});

test('a run that is applied again under the same name has another Job', () => {
  const again = 'ffffffff-8f7f-4f0e-9d5c-3c0f6f1f2a3b';
  assert.is.not(jobName({ name: 'segment', uid }), jobName({ name: 'segment', uid: again }));
});

test('cutting a long name leaves no hyphen or dot before the UID', () => {
  const name = `${'a'.repeat(51)}.${'b'.repeat(20)}`;
  assert.is(jobName({ name, uid }), `${'a'.repeat(51)}-0b9ad1c6`);
});

test('a label value has at most 63 characters and ends with a letter or digit', () => {
  assert.is(labelValue(`${'a'.repeat(62)}.b`), 'a'.repeat(62));
  fc.assert(
    fc.property(runName, (name) => {
      assert.ok(labelValue(name).length <= 63);
      assert.match(labelValue(name), labelPattern);
    }),
  );
});

test('each attempt has its own container name', () => {
  assert.is(containerName('run', 'attempt-1'), 'dockerrun-run-attempt-1');
  assert.is.not(containerName('run', 'attempt-1'), containerName('run', 'attempt-2'));
});

test.run();
