import { convert, type Conversion, type ConversionOptions } from '../../../src/convert/conversion.ts';

export const girderApiUrl = 'https://data.example.org/api/v1';

/** The conversion of a program whose Girder is known. */
export function conversionOf(
  program: string,
  {
    given = {},
    ...options
  }: Partial<Omit<ConversionOptions, 'given'>> & { given?: Record<string, string> } = {},
): Conversion {
  const values = new Map(Object.entries(given));
  return convert(program, {
    name: undefined,
    girderApiUrl,
    girderSecret: 'girder',
    ...options,
    given: values,
  });
}

/** The spec of the only call. @throws an error if there is another number of runs */
export function specOf(
  program: string,
  options: Parameters<typeof conversionOf>[1] = {},
): Record<string, unknown> {
  const { runs, problems } = conversionOf(program, options);
  const [run, ...others] = runs;
  if (run === undefined || others.length > 0)
    throw new Error(`${runs.length} runs: ${problems.map(({ text }) => text).join('; ')}`);
  return { ...run.spec };
}

/** What is said of a program, as `line: text`. */
export function saidOf(program: string, options: Parameters<typeof conversionOf>[1] = {}): string[] {
  const { notes, problems } = conversionOf(program, options);
  return [...notes, ...problems].map(({ line, text }) => `${line}: ${text}`);
}
