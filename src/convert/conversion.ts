import { containerTasks } from '../calls/container-call.ts';
import { isPyDict, itemsOf, type PyKey, type PyValue } from '../calls/python-value.ts';
import { Refusal } from '../calls/refusal.ts';
import {
  type ConversionSettings,
  type ConvertedRun,
  convertedRun,
  type PublishedCall,
} from './call-conversion.ts';
import { type ConversionNote, ConversionNotes } from './conversion-notes.ts';
import { Evaluation } from './evaluation.ts';
import { NameBindings } from './name-bindings.ts';
import { type CallArgument, type CallExpression, dottedName, type Expression } from './python/expression.ts';
import { type Block, type Statement, statementsOf } from './python/python-program.ts';
import { SyntaxProblem } from './python/python-tokens.ts';
import { sayUsed } from './pending-notes.ts';
import { unknownOf, unknownValue } from './unknown-value.ts';

export type ConversionOptions = ConversionSettings & {
  /** `metadata.name`; undefined for that of the image. */
  readonly name: string | undefined;
  /** Values of expressions that the program does not say, by their text. */
  readonly given: ReadonlyMap<string, string>;
};

export type Conversion = {
  /** In the order of the calls. */
  readonly runs: readonly ConvertedRun[];
  /** What is different, or not in the manifests; in the order of the lines. */
  readonly notes: readonly ConversionNote[];
  /** Why a call became no manifest. */
  readonly problems: readonly ConversionNote[];
  /** Whether a manifest lacks a value, or has one that must be replaced. */
  readonly isIncomplete: boolean;
};

/** How many calls of one program become manifests. */
export const mostCalls = 1000;

/** The manifests of all calls of docker_run in a program of Python, of which nothing is run. */
export function convert(program: string, options: ConversionOptions): Conversion {
  const conversion = new ProgramConversion(options);
  try {
    for (const statement of statementsOf(program)) conversion.read(statement);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    conversion.problems.push({ line: error.line, text: `this is not read as Python: ${error.message}` });
  }
  const { runs, notes, problems } = conversion;
  return { runs, notes: notes.all, problems, isIncomplete: notes.isIncomplete };
}

/** How a task is published: `docker_run(…)`, `.delay(…)` and `.apply_async(…)`. */
const methods = ['', 'delay', 'apply_async'];

class ProgramConversion {
  readonly runs: ConvertedRun[] = [];
  readonly notes = new ConversionNotes();
  readonly problems: ConversionNote[] = [];
  readonly #options: ConversionOptions;
  readonly #imports = new Map<string, string>();
  readonly #bindings = new NameBindings();
  readonly #names = new Map<string, number>();

  constructor(options: ConversionOptions) {
    this.#options = options;
  }

  read(statement: Statement): void {
    const { line, block } = statement;
    switch (statement.kind) {
      case 'import':
        this.#imports.set(statement.name, statement.path);
        return;
      case 'binding':
        for (const name of statement.names)
          this.#bindings.bind(name, {
            value: unknownValue({ source: name, line, why: 'the file does not say it' }),
            block,
            line,
          });
        return;
      case 'assignment': {
        const value = this.#assigned(statement.read, statement);
        for (const name of statement.names) this.#bindings.bind(name, { value, block, line });
        return;
      }
      case 'use':
        this.#use(statement);
    }
  }

  /** What cannot be worked out is of no concern until a call uses it. */
  #assigned(read: () => Expression, { line, block }: Statement): PyValue {
    try {
      return this.#evaluation(block, line).value(read());
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof SyntaxProblem)) throw error;
      return unknownValue({ source: 'its value', line, why: error.message });
    }
  }

  #evaluation(block: readonly Block[], line: number): Evaluation {
    const scope = {
      valueOf: (name: string) => this.#bindings.valueOf(name, block, line),
      importOf: (name: string) => this.#imports.get(name),
      given: this.#options.given,
    };
    return new Evaluation(scope);
  }

  #use({ line, block, name, read }: Statement & { readonly kind: 'use' }): void {
    const [root = name, ...rest] = name.split('.');
    const full = [this.#imports.get(root) ?? root, ...rest].join('.');
    const published = publicationOf(full);
    if (published === undefined || this.#bindings.valueOf(root, block, line) !== undefined) return;
    try {
      const expression = read();
      const call = expression === undefined ? undefined : innermostCall(expression);
      if (call === undefined) throw new Refusal('the call is beyond what is read');
      if (this.runs.length === mostCalls) throw new Refusal(`the file has more than ${mostCalls} calls`);
      this.#convert(call, { line, ...published }, this.#evaluation(block, line));
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof SyntaxProblem)) throw error;
      this.problems.push({ line: error instanceof SyntaxProblem ? error.line : line, text: error.message });
    }
  }

  #convert(
    { args }: CallExpression,
    { line, method, task }: { readonly line: number } & Publication,
    evaluation: Evaluation,
  ): void {
    if (!methods.includes(method))
      throw new Refusal(
        `docker_run.${method}(…) is part of something larger; write it as docker_run.delay(…)`,
      );
    const given = new GivenArguments(args, evaluation, this.notes);
    sayUsed(given.all(), this.notes);
    const published: PublishedCall = {
      line,
      task,
      ...(method === 'apply_async' ? given.published() : given.direct()),
    };
    this.runs.push(convertedRun(published, (image) => this.#nameOf(image), this.#options, this.notes));
  }

  /** The names of a file's runs are different. */
  #nameOf(image: string): string {
    const wished = this.#options.name ?? nameOfImage(image);
    const count = (this.#names.get(wished) ?? 0) + 1;
    this.#names.set(wished, count);
    return count === 1 ? wished : `${wished}-${count}`;
  }
}

/** `busybox` of `registry.example.org/tools/busybox:1.36`. */
function nameOfImage(image: string): string {
  const [withTag = ''] = image.split('@');
  const [last = ''] = withTag.split('/').at(-1)?.split(':') ?? [];
  const name = last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'docker-run' : name;
}

type Publication = { readonly method: string; readonly task: PublishedCall['task'] };

/** The task that a dotted name publishes, also without its import, as in documentation. */
function publicationOf(full: string): Publication | undefined {
  for (const [path, task] of Object.entries(containerTasks)) {
    const short = path.slice(path.lastIndexOf('.') + 1);
    for (const name of short === 'docker_run' ? [path, short] : [path]) {
      if (full === name) return { method: '', task };
      if (full.startsWith(`${name}.`)) return { method: full.slice(name.length + 1), task };
    }
  }
  return undefined;
}

/** The call of the task in `docker_run.delay(…).get()`. */
function innermostCall(expression: Expression): CallExpression | undefined {
  let found: CallExpression | undefined;
  for (let at: Expression | undefined = expression; at !== undefined;) {
    if (at.kind === 'call') found = at;
    if (at.kind === 'call' && dottedName(at.called) !== undefined) return at;
    at = at.kind === 'call' ? at.called : at.kind === 'attribute' ? at.of : undefined;
  }
  return found;
}

type Given = Pick<PublishedCall, 'args' | 'keywords' | 'options'>;

/** The arguments of a call, with those that `*` and `**` spread. */
class GivenArguments {
  readonly #args: PyValue[] = [];
  readonly #keywords: [string | PyKey, PyValue][] = [];

  constructor(args: readonly CallArgument[], evaluation: Evaluation, notes: ConversionNotes) {
    for (const { keyword, spread, value } of args) {
      const found = evaluation.value(value);
      const unknown = unknownOf(found);
      if (spread === '' && keyword !== undefined) this.#keywords.push([keyword, found]);
      else if (spread === '') this.#args.push(found);
      else if (unknown !== undefined) notes.leaveOut(`what ${spread} spreads`, unknown);
      else if (spread === '*') this.#args.push(...(itemsOf(found) ?? []));
      else if (isPyDict(found)) this.#keywords.push(...found.entries);
    }
  }

  all(): PyValue[] {
    return [...this.#args, ...this.#keywords.map(([, value]) => value)];
  }

  direct(): Given {
    return { args: this.#args, keywords: this.#keywords, options: new Map() };
  }

  /** `apply_async(args, kwargs, **options)`. */
  published(): Given {
    const named = new Map(
      this.#keywords.map(([name, value]) => [typeof name === 'string' ? name : name.text, value]),
    );
    const [args = named.get('args'), keywords = named.get('kwargs'), ...more] = this.#args;
    if (more.length > 0) throw new Refusal('apply_async has more than args and kwargs before its options');
    const options = new Map([...named].filter(([name]) => name !== 'args' && name !== 'kwargs'));
    for (const [what, value] of [
      ['args', args],
      ['kwargs', keywords],
    ] as const) {
      const unknown = unknownOf(value);
      if (unknown !== undefined)
        throw new Refusal(
          `${what} of apply_async is ${unknown.source}, which has no value here (${unknown.why})`,
        );
    }
    return {
      args: itemsOf(args) ?? [],
      keywords: isPyDict(keywords) ? [...keywords.entries] : [],
      options,
    };
  }
}
