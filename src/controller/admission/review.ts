import { parseSpec } from '../../api/docker-run.ts';
import { isSameWork } from '../../api/job-origin.ts';
import { defined, isRecord, parseJson } from '../../api/json-values.ts';
import { group, plural, policyName, policyPlural, setPlural } from '../../api/names.ts';
import { parseSetSpec } from '../../api/set/docker-run-set.ts';
import { numberAt, recordAt, textAt } from '../../kube/json.ts';
import { type Policy, policyProblems } from '../../policy/policy.ts';
import type { RunError } from '../../support/errors.ts';
import { planRefusal, runRefusal } from '../decide/spec-refusal.ts';
import { desiredJob } from '../job/job.ts';
import type { WorkerConfig } from '../job/worker-config.ts';
import { setRefusal } from '../set/decide/set-refusal.ts';

/** What the API server asks about: one object that somebody wants to create or update. */
type Request = {
  readonly uid: string;
  readonly judge: Judge;
  readonly namespace: string;
  readonly name: string;
  readonly object: Record<string, unknown>;
  /** Empty when the object is created. */
  readonly before: Record<string, unknown>;
};

/** Why an object may not be stored, in the sentence that `kubectl apply` prints; or what it prints beside. */
type Verdict = { readonly refusal?: string; readonly warnings?: readonly string[] };

/** The AdmissionReview to send back, or what is wrong with the one that was received. */
export type Reviewed =
  | { readonly verdict: 'allowed' | 'refused'; readonly answer: object }
  | { readonly verdict: 'malformed'; readonly problem: string };

/** What the verdict of the controller depends on, beside the object. */
export type Rules = {
  /** The policy for the runs and sets of a namespace. */
  readonly policyIn: (namespace: string) => Policy;
  readonly worker: WorkerConfig;
};

/**
 * Answers an AdmissionReview with the verdict that the controller would reach later. Pure; the object may be
 * anything that fits into the body.
 */
export function review(body: string, rules: Rules): Reviewed {
  const asked = requestIn(body);
  if (typeof asked === 'string') return { verdict: 'malformed', problem: asked };
  const { refusal, warnings } = isSettled(asked) ? {} : asked.judge(asked, rules);
  const response =
    refusal === undefined
      ? { uid: asked.uid, allowed: true, ...defined({ warnings }) }
      : { uid: asked.uid, allowed: false, status: statusOf(refusal) };
  const answer = { apiVersion, kind: 'AdmissionReview', response };
  return { verdict: refusal === undefined ? 'allowed' : 'refused', answer };
}

/** 422 Invalid, as for an object that the schema refuses; without details, kubectl prints the message as it is. */
function statusOf(message: string): object {
  return { status: 'Failure', code: 422, reason: 'Invalid', message };
}

/** The request in the body of an AdmissionReview, or what is wrong with the body. */
function requestIn(body: string): Request | string {
  const excess = excessOf(body);
  if (excess !== undefined) return excess;
  const received = parseJson(body);
  if (textAt(received, 'kind') !== 'AdmissionReview' || textAt(received, 'apiVersion') !== apiVersion)
    return `the body is not an AdmissionReview of ${apiVersion}`;
  const request = recordAt(received, 'request');
  const uid = textAt(request, 'uid') ?? '';
  if (uid === '' || uid.length > longestUid || !isRecord(request['object']))
    return 'the AdmissionReview has no request with a uid and an object';
  const judge = judges.get(resourceOf(request));
  if (judge === undefined) return `the object is none of ${plural}, ${setPlural} and ${policyPlural}`;
  return {
    ...{ uid, judge, object: request['object'], before: recordAt(request, 'oldObject') },
    namespace: textAt(request, 'namespace') ?? '',
    name: textAt(request, 'name') ?? '',
  };
}

const apiVersion = 'admission.k8s.io/v1';
const longestUid = 256;

/** A review has three levels around an object; the schema allows some 20 in a spec. */
export const maxDepth = 64;

/** Far more than two objects within their bounds have, with their managed fields. */
export const maxValues = 50_000;

/**
 * Why a text must not be parsed. In a body of 3 MiB, a million nested lists or 250,000 names take JSON.parse
 * more than a second, in which the controller does nothing else.
 */
function excessOf(body: string): string | undefined {
  let [depth, values, inText] = [0, 0, false];
  for (let at = 0; at < body.length; at += 1) {
    const code = body.charCodeAt(at);
    if (code === quote) inText = !inText;
    else if (inText) at += code === backslash ? 1 : 0;
    else if (code === openList || code === openObject) depth += 1;
    else if (code === closeList || code === closeObject) depth -= 1;
    else if (code === comma) values += 1;
    if (depth > maxDepth) return `the body is nested more than ${maxDepth} deep`;
    if (values > maxValues) return `the body has more than ${maxValues} values`;
  }
  return undefined;
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

type Judge = (request: Request, rules: Rules) => Verdict;

const judges: ReadonlyMap<string, Judge> = new Map([
  [`${plural}.${group}`, judgeRun],
  [`${setPlural}.${group}`, judgeSet],
  [`${policyPlural}.${group}`, judgePolicy],
]);

function resourceOf(request: Record<string, unknown>): string {
  const resource = recordAt(request, 'resource');
  return `${textAt(resource, 'resource')}.${textAt(resource, 'group')}`;
}

/**
 * True for a change that no verdict may stop: of an object that is being deleted, which loses its finalizers,
 * and of metadata alone. The API server counts the generation up with each change of the spec.
 */
function isSettled({ object, before }: Request): boolean {
  const metadata = recordAt(object, 'metadata');
  if (textAt(metadata, 'deletionTimestamp') !== undefined) return true;
  const generation = numberAt(metadata, 'generation');
  return generation !== undefined && generation === numberAt(recordAt(before, 'metadata'), 'generation');
}

function judgeRun(request: Request, rules: Rules): Verdict {
  const { object, before, namespace } = request;
  // Its Job exists or its end is known: it is not validated again, and only the mutable fields can change.
  const status = recordAt(before, 'status');
  if (textAt(status, 'jobName') !== undefined || textAt(status, 'completionTime') !== undefined) return {};
  const refusal = refusalOf(request, object, rules);
  if (refusal === undefined) {
    const { problem } = rules.policyIn(namespace);
    return problem === undefined ? {} : { warnings: [waitsForPolicy(problem)] };
  }
  const wasRefused = () => refusalOf(request, before, rules)?.message === refusal.message;
  return changesOnlyMutable(before, object) && wasRefused()
    ? { warnings: [refusal.sentence] }
    : { refusal: refusal.sentenceAtApply };
}

/** Every verdict that the controller reaches without anything but the run, the policy and its own settings. */
function refusalOf(
  { namespace, name }: Request,
  { spec, metadata }: Record<string, unknown>,
  { policyIn, worker }: Rules,
): RunError | undefined {
  const [read, policy] = [parseSpec(spec), policyIn(namespace)];
  const refusal = runRefusal(read, policy);
  if (refusal !== undefined || !('spec' in read) || policy.problem !== undefined) return refusal;
  const identity = { name: textAt(metadata, 'name') ?? name, uid: textAt(metadata, 'uid') ?? '' };
  const ofRun = { ...identity, namespace, generation: 1, creationTimestamp: '' };
  return planRefusal(desiredJob({ metadata: ofRun, spec: read.spec }, worker, policy));
}

/** Unlike a run, a set can be corrected in place, so each change of its spec is judged; it can always be stopped. */
function judgeSet(request: Request, rules: Rules): Verdict {
  const { object, before, namespace } = request;
  const refusal = refusalOfSet(request, object, rules);
  if (refusal === undefined) {
    const { problem } = rules.policyIn(namespace);
    return problem === undefined ? {} : { warnings: [waitsForPolicy(problem)] };
  }
  const wasRefused = () => refusalOfSet(request, before, rules)?.message === refusal.message;
  return isStop(object) || wasRefused()
    ? { warnings: [refusal.sentenceAtApply] }
    : { refusal: refusal.sentenceAtApply };
}

function isStop({ spec }: Record<string, unknown>): boolean {
  return isRecord(spec) && (spec['cancel'] === true || spec['suspend'] === true);
}

function refusalOfSet(
  { namespace, name }: Request,
  { spec, metadata }: Record<string, unknown>,
  { policyIn }: Rules,
): RunError | undefined {
  const read = parseSetSpec(spec);
  const identity = { name: textAt(metadata, 'name') ?? name, uid: textAt(metadata, 'uid') ?? '' };
  const ofSet = { ...identity, namespace, generation: 1, creationTimestamp: '' };
  return setRefusal({ metadata: ofSet, ...read }, policyIn(namespace));
}

const waitsForPolicy = (problem: string) => `The run waits: the DockerRunPolicy "${policyName}" ${problem}.`;

/** Whether a change is one of mutable fields only, as to cancel a run that was stored before it was refused. */
function changesOnlyMutable(before: Record<string, unknown>, object: Record<string, unknown>): boolean {
  const [old, changed] = [before['spec'], object['spec']];
  return isRecord(old) && isRecord(changed) && isSameWork(old, changed);
}

function judgePolicy({ object, name }: Request): Verdict {
  const [problem] = policyProblems(object['spec'] ?? {});
  if (problem !== undefined) {
    return {
      refusal: `The DockerRunPolicy "${name}" is invalid: ${problem}. Correct it and apply it again.`,
    };
  }
  const ignored = `this DockerRunPolicy has no effect: only the one with the name ${policyName} counts`;
  return name === policyName ? {} : { warnings: [ignored] };
}
