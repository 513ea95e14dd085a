import { apiUrlProblem } from '../../api/fields.ts';
import { isPyObject, type PyObject } from '../../calls/python-value.ts';
import { nameOf, requiredText } from '../../calls/attributes.ts';
import { quote, Refusal } from '../../calls/refusal.ts';

/** A Girder that an object of the message refers to by its client (`gc`). */
export type GirderClient = { readonly apiUrl: string; readonly token: string };

/** What can be sent as a token in the header of a request, and recognized in other texts. */
const sendable = /^[A-Za-z0-9._~+/=-]{16,512}$/;

/** The Girder of all inputs and results of a message. Its clients differ in nothing but their tokens. */
export class GirderAccess {
  #client: GirderClient | undefined;

  get client(): GirderClient | undefined {
    return this.#client;
  }

  /** The client of an object that reads or writes data of Girder. */
  use(object: PyObject): GirderClient {
    const client = clientOf(object);
    if (this.#client !== undefined && this.#client.apiUrl !== client.apiUrl)
      throw new Refusal(
        `it uses two addresses of Girder, ${quote(this.#client.apiUrl)} and ${quote(client.apiUrl)}, but a run can have only one`,
      );
    this.#client ??= client;
    return client;
  }
}

export function clientOf(object: PyObject): GirderClient {
  const client = object.attributes.get('gc');
  if (!isPyObject(client))
    throw new Refusal(
      `${nameOf(object)} has no client of Girder (gc), so there is no token to read or write with`,
    );
  const token = requiredText(client, 'token');
  if (!sendable.test(token)) throw new Refusal(`the token of ${nameOf(object)} is not a token of Girder`);
  return { apiUrl: apiUrlOf(requiredText(client, 'urlBase')), token };
}

/** The address without the slash at its end. @throws Refusal if it is not one */
export function apiUrlOf(text: string): string {
  const problem = apiUrlProblem(text);
  if (problem !== undefined) throw new Refusal(`the address of Girder in the message ${problem}`);
  return text.replace(/(?<!\/)\/+$/, '');
}
