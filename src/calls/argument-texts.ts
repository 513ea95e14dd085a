import { specBounds } from '../api/json-values.ts';
import { reference } from '../api/references.ts';
import { isPyDict, itemsOf, type PyBytes, type PyValue } from './python-value.ts';
import { pythonText } from './python-text.ts';
import { textOfObject } from './call-transforms.ts';
import { mostOf, quote, Refusal } from './refusal.ts';
import type { RunParts } from './run-parts.ts';

const maxArguments = mostOf('args');

type Variable = { readonly name: string } & (
  { readonly value: string } | { readonly valueFrom: { readonly secretKeyRef: object } }
);

/** The texts of `command`, `args` and `env`, in the order of the message: its transforms are named in that order. */
export class ArgumentTexts {
  readonly #parts: RunParts;
  #left: number = specBounds.bytes;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  /**
   * The keyword `entrypoint`; None is that of the image. Anything but a list is its only element. The engine takes an
   * empty list, and one empty text, as no entrypoint at all; an empty `command` would be that of the image.
   */
  command(value: PyValue | undefined): string[] | undefined {
    if (value === undefined || value === null) return undefined;
    const texts = this.#texts(itemsOf(value) ?? [value], 'entrypoint');
    return texts.length === 0 ? [''] : texts;
  }

  args(value: PyValue | undefined): string[] | undefined {
    if (value === undefined || value === null) return undefined;
    const items = itemsOf(value);
    if (items === undefined)
      throw new Refusal('container_args is not a list; put each argument into one as a text of its own');
    return items.length === 0 ? undefined : this.#texts(items, 'container_args');
  }

  /** A dictionary, or a list of texts such as `A=1`. Of two equal names the later one counts, as for the engine. */
  env(value: PyValue | undefined): Variable[] | undefined {
    if (value === undefined || value === null) return undefined;
    const variables = new Map(this.#pairsOf(value).map(([name, text]) => [name, this.#variable(name, text)]));
    return variables.size === 0 ? undefined : [...variables.values()];
  }

  #pairsOf(value: PyValue): [name: string, value: PyValue][] {
    if (isPyDict(value))
      return [...value.entries].map(([name, text]) => [typeof name === 'string' ? name : name.text, text]);
    const items = itemsOf(value);
    if (items === undefined) throw new Refusal('environment is not a dictionary or a list');
    return items.map((item, index) => {
      if (typeof item !== 'string')
        throw new Refusal(`environment[${index}] is not a text such as NAME=value`);
      const end = item.indexOf('=');
      return end === -1 ? [item, null] : [item.slice(0, end), item.slice(end + 1)];
    });
  }

  #variable(name: string, value: PyValue): Variable {
    if (name === '' || name.includes('=') || name.length > 256)
      throw new Refusal(`environment has the name ${quote(name)}, which a variable cannot have`);
    if (value === null) {
      const sentence = 'has no value; it is empty, and does not remove a variable of the image.';
      this.#parts.notes.add(`The variable ${quote(name)} ${sentence}`);
      return { name, value: '' };
    }
    if (typeof value === 'object' && value.kind === 'bytes')
      return { name, value: this.#plain(decoded(value)) };
    const [piece, ...others] = typeof value === 'string' ? this.#parts.source.pieces(value) : [];
    if (piece?.isToken === true && others.length === 0)
      return { name, valueFrom: { secretKeyRef: this.#parts.source.secretKey(piece.text, 'variable') } };
    return { name, value: this.#text(value, `the variable ${quote(name)} of environment`) };
  }

  #texts(items: readonly PyValue[], keyword: string): string[] {
    if (items.length > maxArguments)
      throw new Refusal(`${keyword} has ${items.length} elements, but a run has at most ${maxArguments}`);
    return items.map((item, index) => this.#text(item, `${keyword}[${index}]`));
  }

  #text(value: PyValue, where: string): string {
    const text = pythonText(value, {
      text: (plain) => this.#plain(plain),
      object: (object) => textOfObject(object, where, this.#parts),
    });
    return this.#counted(text);
  }

  /** A text of the caller: a token is replaced by a name, and what only looks like a name is marked as text. */
  #plain(text: string): string {
    this.#counted(text);
    const pieces = this.#parts.source.pieces(text);
    return pieces
      .map((piece, index) => {
        if (piece.isToken) return `$(${this.#parts.secretArgument(piece.text, 'argument')})`;
        const literal = asLiteral(piece.text);
        // Dollars right before a name would make it text.
        return pieces[index + 1] === undefined ? literal : literal.replace(/(?<!\$)\$+$/, '$&$&');
      })
      .join('');
  }

  #counted(text: string): string {
    this.#left -= text.length / 2;
    if (this.#left >= 0) return text;
    throw new Refusal(
      `its arguments and variables have more than ${specBounds.bytes} characters, which is the most of a run; put the data into a file of Girder`,
    );
  }
}

/** As docker-py does with the bytes of a variable. */
function decoded({ bytes }: PyBytes): string {
  return Buffer.from(bytes).toString('utf8');
}

/** `$(name)` is a text of the caller, who did not know names of transforms. */
export function asLiteral(text: string): string {
  return text.replace(reference, (_, dollars: string, name: string) => `${dollars}${dollars}(${name})`);
}
