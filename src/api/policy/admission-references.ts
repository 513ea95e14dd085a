import { celPattern } from '../cel-text.ts';
import { temporaryVolumeName } from '../names.ts';
import { reference } from '../references.ts';

/**
 * $(name) that nothing declares, anywhere in a text. The rules of a CustomResourceDefinition cannot say it: what they
 * could cost at the most counts there, and here only what they do cost.
 */

const dollars = "reference.indexOf('(')";
const name = `reference.substring(${dollars} + 1, reference.size() - 1)`;
/** An even number of dollars is the literal text. */
const isUnknown = `${dollars} % 2 == 1 && !(${name} in variables.referableNames)`;
const hasPath =
  'has(one.connect) ? has(one.connect.input.namedOutputPipe) || has(one.connect.output.namedInputPipe) : true';

/** What the rule needs; `volumes` and `transforms` are variables of the policy's own. */
export const referenceVariables = [
  {
    name: 'referableNames',
    expression: `['${temporaryVolumeName}'] + variables.volumes.map(one, string(one.name)) + variables.transforms.filter(one, ${hasPath}).map(one, string(one.name))`,
  },
  {
    name: 'texts',
    expression:
      "((has(object.spec.command) ? object.spec.command : []) + (has(object.spec.args) ? object.spec.args : [])).filter(text, text.contains('$('))",
  },
  {
    name: 'unknownReferences',
    expression: `variables.texts.map(text, text.findAll(${celPattern(reference)}).filter(reference, ${isUnknown})).filter(list, list.size() > 0)`,
  },
];

/** The rule, in the form of the policy's own. */
export const referenceRule = {
  reason: 'InvalidSpec',
  holds: 'variables.unknownReferences.size() == 0',
  what: "'spec.command, spec.args: ' + variables.unknownReferences[0][0] + ' is no volume or transform of this run; write $' + variables.unknownReferences[0][0] + ' if the text itself is meant'",
} as const;
