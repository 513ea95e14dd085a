import { referenceRule } from './admission-references.ts';
import { admissionVariables } from './admission-variables.ts';
import { celString } from '../cel-text.ts';
import { apiVersion, group, plural, version } from '../names.ts';
import { policyKind, policyName } from './crd.ts';
import { celIsWithin } from './paths.ts';
import { type FailureReason, failureReasons } from '../reasons.ts';

/**
 * The policy's rules for the API server: a ValidatingAdmissionPolicy
 * (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/) whose parameter is the
 * DockerRunPolicy, and the one about names that the definition of the resource cannot hold. What it refuses the controller would refuse a moment later, with the same sentence.
 */

/** A rule: `refused` is a list, whose first element `message` tells of as `refused[0]`, or the opposite of a condition. */
type Rule = { readonly reason: FailureReason; readonly holds: string; readonly what: string };

const first = (list: string) => `variables.${list}[0]`;
const isEmpty = (list: string) => `variables.${list}.size() == 0`;

function pathRule(list: string): Rule {
  const use = first(list);
  const canRead = celIsWithin(`${use}[2]`, 'variables.readablePaths');
  const what = `${use}[0] + ': the policy allows ' + (${canRead} ? 'to read ' + ${use}[1] + ' but not to write it' : 'no access to ' + ${use}[1] + ' on the nodes')`;
  return { reason: 'HostPathNotAllowed', holds: isEmpty(list), what };
}

const danger = first('refusedOptions');
const stream = first('refusedStreams');

const rules: readonly Rule[] = [
  pathRule('refusedVolumePaths'),
  pathRule('refusedDockerPaths'),
  {
    reason: 'ImageNotAllowed',
    holds: 'variables.isImageAllowed',
    what: `'spec.image: the policy does not allow ' + (variables.isImageId ? object.spec.image + ', an image\\'s id, which does not say where it comes from' : variables.imageName + variables.imageVersion)`,
  },
  {
    reason: 'DockerOptionNotAllowed',
    holds: isEmpty('refusedOptions'),
    what: `'spec.docker.' + ${danger}[0] + ': the policy does not allow ' + (${danger}[1] == '' ? 'it' : ${danger}[1]) + ', because ' + ${danger}[2]`,
  },
  {
    reason: 'GirderAddressNotAllowed',
    holds: 'variables.isGirderAllowed',
    what: `'spec.girder.apiUrl: the policy does not allow ' + object.spec.girder.apiUrl`,
  },
  {
    reason: 'StreamAddressNotAllowed',
    holds: isEmpty('refusedStreams'),
    what: `'spec.transforms: ' + ${stream}[0] + '.connect.output.chunkedTransferEncodingStream.url: the policy does not allow ' + ${stream}[1] + ' (streamUrls)'`,
  },
  referenceRule,
];

function validation({ reason, holds, what }: Rule): object {
  const { meaning, mend } = failureReasons[reason];
  return {
    expression: holds,
    messageExpression: `${what} + ${celString(`. ${mend}`)}`,
    // In place of a sentence that would be too long, or have more than one line.
    message: `${meaning} ${mend}`,
    reason: reason === 'InvalidSpec' ? 'Invalid' : 'Forbidden',
  };
}

/** What the rules are about; what else changes, such as suspend and cancel, must always be possible. */
const governed = [
  'image',
  'command',
  'args',
  'volumes',
  'dockerVolumes',
  'transforms',
  'girderResultHooks',
  'docker',
  'girder',
];

const matchConditions = [
  { name: 'is-not-being-deleted', expression: '!has(object.metadata.deletionTimestamp)' },
  {
    name: 'is-new-or-changes-what-the-policy-is-about',
    expression: `request.operation == 'CREATE' || !(${governed.map((field) => `object.spec.?${field} == oldObject.spec.?${field}`).join(' && ')})`,
  },
];

/** The ValidatingAdmissionPolicy; it does nothing without a binding. */
export function admissionPolicy(name: string): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      paramKind: { apiVersion, kind: policyKind },
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [group],
            apiVersions: [version],
            operations: ['CREATE', 'UPDATE'],
            resources: [plural],
          },
        ],
      },
      matchConditions,
      variables: admissionVariables,
      validations: rules.map(validation),
    },
  };
}

/** Where the ValidatingAdmissionPolicy counts, and with whose rules. */
export type AdmissionBinding = {
  readonly name: string;
  readonly policy: string;
  /** The DockerRunPolicy whose rules it applies. */
  readonly params?: string;
  /** The labels of the namespaces in which it applies them; all when absent. */
  readonly matchLabels?: Readonly<Record<string, string>>;
};

/** The binding of the ValidatingAdmissionPolicy to a DockerRunPolicy. */
export function admissionBinding({
  name,
  policy,
  params = policyName,
  matchLabels,
}: AdmissionBinding): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: {
      policyName: policy,
      // Without a DockerRunPolicy a run that uses nothing of the nodes can be made; the controller refuses others.
      paramRef: { name: params, parameterNotFoundAction: 'Allow' },
      validationActions: ['Deny'],
      ...(matchLabels === undefined ? {} : { matchResources: { namespaceSelector: { matchLabels } } }),
    },
  };
}
