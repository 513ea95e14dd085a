import type { CelRule } from './keywords.ts';
import { temporaryVolumeName } from './names.ts';

/**
 * `$(name)` in commands and arguments, as far as the rules of a CustomResourceDefinition can tell what nothing declares:
 * a text that is one reference and nothing else. The API server bounds a rule by its greatest possible cost, and looking
 * into a thousand long texts costs 3 to over 100 times as much as it allows (tried: find, matches, split), whereas
 * comparing them, and looking at single characters, costs little. A filter of the known names costs too much as well, so
 * that those of transforms without a path are among them. The controller and the admission policy look at all.
 */

const inReference = (name: string) => `'$(' + ${name} + ')'`;

const known = [
  `['$(${temporaryVolumeName})']`,
  `(has(self.volumes) ? self.volumes.map(one, ${inReference('one.name')}) : [])`,
  `(has(self.transforms) ? self.transforms.map(one, ${inReference('one.name')}) : [])`,
].join(' + ');

/** A list of one is how CEL gives a value a name in such a rule. */
const where = (name: string, value: string, expression: string) => `[${value}].all(${name}, ${expression})`;

const isLetter = (char: string) => `${char} >= 'a' && ${char} <= 'z' || ${char} >= 'A' && ${char} <= 'Z'`;
const isAlphanumeric = (char: string) => `${isLetter(char)} || ${char} >= '0' && ${char} <= '9'`;
const isOfName = (char: string) => `${isAlphanumeric(char)} || ${char} in ['_', '-', '.']`;

/** The places of a name after its first character in `$(name)`; a longer one is no name. */
const longestName = 63;
const places = Array.from({ length: longestName - 1 }, (_, index) => index + 3).join(', ');

/** Whether `text` is a reference (`references.ts`) from its first to its last character. */
const isReference = [
  "text.startsWith('$(') && text.endsWith(')')",
  `text.size() > 3 && text.size() <= ${longestName + 3}`,
  where('char', 'text.charAt(2)', isLetter('char')),
  where('char', 'text.charAt(text.size() - 2)', isAlphanumeric('char')),
  `[${places}].all(at, at > text.size() - 2 || ${where('char', 'text.charAt(at)', isOfName('char'))})`,
].join(' && ');

/** What a rule does cost is bounded as well, and a run must not be refused for that: more texts are not looked at. */
const mostTexts = 128;

function ruleOf(field: string): string {
  const all = `self.${field}.all(text, text in known || !(${isReference}))`;
  return `!has(self.${field}) || self.${field}.size() > ${mostTexts} || ${where('known', known, all)}`;
}

/** The rules of a spec about what its texts refer to. */
export const referenceRules: readonly CelRule[] = ['command', 'args'].map((field) => ({
  rule: ruleOf(field),
  message:
    'one of the texts is a $(name) that is no volume or transform of this run; write $$(name) if the text itself is meant',
  fieldPath: `.${field}`,
}));
