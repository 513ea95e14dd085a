import { connect, contextNames } from '../../kube/connection.ts';
import { listAt, recordAt, textAt } from '../../kube/json.ts';
import { requestJson } from '../../kube/request.ts';
import { deadline } from '../../support/abort.ts';
import type { Given } from '../arguments.ts';
import { collectionOf } from './session.ts';
import { kindNamed, type TargetKind } from './targets.ts';

/** In milliseconds: a shell waits for the answer. */
const completionMs = 2_000;
const mostNames = 500;

type Question = { readonly given: Given; readonly typed: string; readonly stop: AbortSignal };

/** Names for a shell from the kubeconfig or the cluster; rejects when the cluster does not answer within 2 s. */
export async function completedNames(
  asks: 'runs' | 'sets' | 'objects' | 'namespaces' | 'contexts',
  { given, typed, stop }: Question,
): Promise<readonly string[]> {
  const [kubeconfig, context, namespace] = ['kubeconfig', 'context', 'namespace'].map((name) =>
    given.text(name),
  );
  const choice = { kubeconfig, context, namespace };
  if (asks === 'contexts') return contextNames(choice);
  const signal = deadline(completionMs, stop);
  const connection = await connect(choice);
  const names = async (path: string) => {
    const query = { limit: String(mostNames) };
    const answer = await requestJson(connection, { method: 'GET', path, query, once: true, signal });
    return listAt(answer, 'items').flatMap((item) => textAt(recordAt(item, 'metadata'), 'name') ?? []);
  };
  if (asks === 'namespaces') return names('/api/v1/namespaces');
  const of = (kind: TargetKind) => names(collectionOf(kind, connection.namespace));
  if (asks === 'runs') return of('run');
  if (asks === 'sets') return of('set');
  const slash = typed.indexOf('/');
  const kind = slash === -1 ? undefined : kindNamed(typed.slice(0, slash));
  if (kind !== undefined) return (await of(kind)).map((name) => `${typed.slice(0, slash)}/${name}`);
  return [...(await of('run')), ...(await of('set')).map((name) => `set/${name}`)];
}
