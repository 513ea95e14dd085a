/** Capabilities as the engine compares them: in capitals, without CAP_. */
export function normalCapabilities(names: readonly string[]): string[] {
  return names.map((name) => capitals(name).replace(/^CAP_/, ''));
}

/** Of ASCII only: no capability has another letter, though some others become these in capitals (`ı` becomes `I`). */
function capitals(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}
