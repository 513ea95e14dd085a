import type { Given } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** What the shell may complete a value with. */
export type Completed =
  | 'files'
  | 'commands'
  | 'runs'
  | 'objects'
  | 'sets'
  | 'phases'
  | 'namespaces'
  | 'contexts'
  | readonly string[];

export type OptionSpec = {
  readonly name: string;
  readonly short?: string;
  /** What the value is, as in `--namespace NAMESPACE`; an option without it has no value. */
  readonly value?: string;
  readonly isMany?: true;
  readonly about: string;
  readonly completes?: Completed;
};

export type ArgumentSpec = {
  readonly name: string;
  readonly isOptional?: true;
  /** Only of the last argument. */
  readonly isMany?: true;
  readonly completes?: Completed;
};

/** Rows of a term and what it means, below a title. */
export type Section = {
  readonly title: string;
  readonly rows: readonly (readonly [term: string, meaning: string])[];
};

/** Performs a command and returns the exit code. */
export type Action = (given: Given, terminal: Terminal) => Promise<number>;

export type CommandSpec = {
  readonly name: string;
  readonly group: 'This machine' | 'Runs and sets in a cluster' | 'Sets in a cluster' | 'This command';
  /** One line, without a full stop. */
  readonly summary: string;
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Paragraphs. */
  readonly details?: readonly string[];
  readonly examples?: readonly string[];
  readonly sections?: readonly Section[];
  /** Loads the code of the command, and only that. */
  readonly load: () => Promise<Action>;
};
