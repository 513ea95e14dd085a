/**
 * Whether a name matches one of some patterns, in which `*` stands for any text and `?` for one character. It takes at
 * most the product of both lengths, whatever the pattern.
 */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  const characters = [...name];
  return patterns.some((pattern) => matches(characters, [...pattern]));
}

function matches(name: readonly string[], pattern: readonly string[]): boolean {
  let [at, next] = [0, 0];
  // The last star, and how much of the name it stands for: an earlier star never has to stand for more.
  let star: { readonly pattern: number; readonly name: number } | undefined;
  while (at < name.length) {
    const wanted = pattern[next];
    if (wanted === '*') {
      star = { pattern: next, name: at };
      next += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === name[at])) {
      [at, next] = [at + 1, next + 1];
    } else if (star !== undefined) {
      star = { pattern: star.pattern, name: star.name + 1 };
      [at, next] = [star.name, star.pattern + 1];
    } else {
      return false;
    }
  }
  return pattern.slice(next).every((rest) => rest === '*');
}
