import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type FailureReason, failureReasons } from '../../../src/api/reasons.ts';
import { exitCodes } from '../../../src/api/run-plan.ts';
import { localExitCode, localSentence, onThisMachine } from '../../../src/cli/local/exit-code.ts';
import { toPullError, unavailable } from '../../../src/docker/engine-error.ts';
import { RunError } from '../../../src/support/errors.ts';

const code = (reason: FailureReason | undefined, exitCode?: number, stoppedBy?: string) =>
  localExitCode({
    failure: reason === undefined ? undefined : new RunError(reason, 'x'),
    target: exitCode === undefined ? undefined : { exitCode },
    stoppedBy,
  });

test('a target that failed passes its exit code on', () => {
  assert.is(code(undefined, 0), 0);
  assert.is(code('TargetFailed', 3), 3);
  assert.is(code('OOMKilled', 137), 137);
});

test('a run that failed for another reason has the exit code of the reason', () => {
  assert.is(code('UploadFailed', 0), exitCodes.upload);
  assert.is(code('ImageNotFound'), exitCodes.spec);
  assert.is(code('ActiveDeadlineExceeded', 0), exitCodes.deadline);
  assert.is(code('Cancelled'), exitCodes.cancelled);
});

test('the exit code of a target that was stopped because the run failed is ignored', () => {
  assert.is(code('StreamFailed', 143), exitCodes.upload);
  assert.is(code('CancelledInGirder', 143), exitCodes.cancelledForGood);
  assert.is(code('ActiveDeadlineExceeded', 143), exitCodes.deadline);
  assert.is(code('CancelledInGirder', 143, 'SIGTERM'), exitCodes.cancelledForGood);
});

test('a run that a signal stopped has the exit code of the signal, whatever the exit code of the target', () => {
  assert.is(code('Cancelled', 143, 'SIGINT'), 130);
  assert.is(code('Cancelled', undefined, 'SIGTERM'), 143);
  assert.is(code('Cancelled', 0, 'SIGHUP'), 129);
});

test('a signal after the end changes nothing', () => {
  assert.is(code(undefined, 0, 'SIGINT'), 0);
  assert.is(code('TargetFailed', 3, 'SIGINT'), 3);
});

test('no message refers a user without a cluster to a pod, a node or an administrator', () => {
  const reachable = Object.keys(failureReasons).filter(
    (reason) =>
      !/NotAllowed$|^PolicyBound|^Job|^Worker|^VolumeMount|^Disrupted|^Evicted|^EngineReplaced/.test(reason),
  );
  assert.ok(reachable.length > 15);
  for (const reason of reachable as FailureReason[]) {
    const sentence = localSentence(new RunError(reason, 'Something of the node happened'));
    assert.not.match(sentence, /\bpod\b|\bnodes?\b|administrator|backoffLimit|apply|\bstatus\./i, reason);
  }
});

test('an engine that refuses access, or has no space, is not said to be away', () => {
  const denied = unavailable('/x', Object.assign(new Error('x'), { code: 'EACCES' }));
  assert.match(localSentence(denied), /permission denied\. Add yourself to the group of the socket/);
  const full = toPullError(new Error('write /x: no space left on device'), { image: 'a:1', tries: 1 });
  assert.match(localSentence(full), /no space left on device\. Free some space/);
});

test('words about a pod, a node or the chart are those of this machine', () => {
  const messages = [
    'the target used more memory than its pod or its node has and was killed',
    'denied; the node has a copy of it, which imagePullPolicy IfNotPresent would use',
    'a proxy on the way to Girder https://g requires a user and password (407); set worker.proxy of the chart',
    'a certificate that is not valid yet; check the clocks of the server and the node',
  ];
  for (const message of messages) assert.not.match(onThisMachine(message), /\bpod\b|\bnode\b|chart/, message);
});

test('the message does not name settings of the operator', () => {
  const failure = new RunError(
    'EngineUnavailable',
    'No answer on /x (setting DOCKERRUN_DOCKER_SOCKET): ENOENT',
  );
  assert.is(
    localSentence(failure),
    'No answer on /x: ENOENT. Check that Docker is running and that DOCKER_HOST, or the docker context, has its address.',
  );
});

test.run();
