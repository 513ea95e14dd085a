import type { ArgumentSpec, CommandSpec, OptionSpec, Section } from './command-spec.ts';

const width = 80;

/** What `dockerrun --help` prints: every command with its sentence. */
export function programHelp(table: readonly CommandSpec[]): string {
  const groups = [...new Set(table.map(({ group }) => group))];
  const sections = groups.map((title): Section => {
    const own = table.filter(({ group }) => group === title);
    return { title, rows: own.map(({ name, summary }) => [name, summary]) };
  });
  return [
    'Usage: dockerrun COMMAND [ARGUMENTS] [OPTIONS]',
    '',
    'Runs container images over data of Girder: in a cluster, or on this machine.',
    '',
    ...sections.flatMap((section) => [...sectionLines(section), '']),
    'dockerrun COMMAND --help explains a command. Exit code 2 means that an argument',
    'or option is wrong, and 64 that a manifest is not valid.',
    '',
  ].join('\n');
}

/** What `dockerrun COMMAND --help` prints. */
export function commandHelp(command: CommandSpec): string {
  const { summary, details = [], examples = [], sections = [] } = command;
  const blocks = [
    [`Usage: ${usageOf(command)}`],
    wrap(`${summary}.`, width),
    ...details.map((paragraph) => wrap(paragraph, width)),
    ...(command.options.length === 0 ? [] : [sectionLines(optionSection(command))]),
    ...(examples.length === 0 ? [] : [['Examples:', ...examples.map((line) => `  ${line}`)]]),
    ...sections.map(sectionLines),
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** The command with its arguments, as in `dockerrun submit FILE [OPTIONS]`. */
export function usageOf({ name, args, options }: CommandSpec): string {
  const more = options.length === 0 ? [] : ['[OPTIONS]'];
  return ['dockerrun', name, ...args.map(argumentText), ...more].join(' ');
}

function argumentText({ name, isOptional, isMany }: ArgumentSpec): string {
  const text = isMany === true ? `${name}...` : name;
  return isOptional === true ? `[${text}]` : text;
}

export function optionSection({ options }: CommandSpec): Section {
  return { title: 'Options', rows: options.map((option) => [optionTerm(option), option.about]) };
}

function optionTerm({ name, short, value }: OptionSpec): string {
  const start = short === undefined ? '    ' : `-${short}, `;
  return `${start}--${name}${value === undefined ? '' : ` ${value}`}`;
}

/** Terms longer than this have their meaning on the next line. */
const longestTerm = 32;

function sectionLines({ title, rows }: Section): string[] {
  const terms = rows.map(([term]) => term.length).filter((length) => length <= longestTerm);
  const column = Math.max(0, ...terms) + 4;
  const lines = rows.flatMap(([term, meaning]) => {
    const [first = '', ...others] = wrap(meaning, width - column);
    const indented = others.map((line) => `${' '.repeat(column)}${line}`);
    if (term.length > longestTerm) return [`  ${term}`, `${' '.repeat(column)}${first}`, ...indented];
    return [`  ${term.padEnd(column - 2)}${first}`, ...indented];
  });
  return [`${title}:`, ...lines];
}

/** Breaks a text at spaces; the lines after the first start with `indent`. */
export function wrap(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines.splice(-1, 1, `${last} ${word}`);
    else lines.push(lines.length === 0 ? word : `${indent}${word}`);
  }
  return lines;
}
