import type { DangerousParts } from './risk-kinds.ts';

/** Capabilities as the engine compares them: in capitals, without CAP_. */
export function normalCapabilities(names: readonly string[]): string[] {
  return names.map((name) => capitals(name).replace(/^CAP_/, ''));
}

/** Of ASCII only, as in CEL: other letters that have such a capital name no capability. */
function capitals(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}

/** A capability as it is compared, in CEL. */
export function celNormalCapability(name: string): string {
  const upper = `${name}.upperAscii()`;
  return `(${upper}.startsWith('CAP_') ? ${upper}.substring(4) : ${upper})`;
}

/** Each capability of a list. */
export const eachCapability: DangerousParts<readonly string[]> = {
  values: normalCapabilities,
  cel: (value) => `${value}.map(name, ${celNormalCapability('name')})`,
};
