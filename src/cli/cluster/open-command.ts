import { spawn } from 'node:child_process';
import { girderPage } from '../../api/girder-page.ts';
import { recordAt, textAt } from '../../kube/json.ts';
import { type Given, ownCodes } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { ClusterError, getTarget, openSession } from './session.ts';
import { isSet, plain, runStatusOf, setStatusOf, type StoredObject } from './stored-object.ts';
import { targetOf, titleOf } from './targets.ts';
import { sizeOf } from '../terminal-style.ts';

/** `dockerrun open` */
export async function openCommand(given: Given, terminal: Terminal): Promise<number> {
  const target = targetOf(given.args[0] ?? '');
  const session = await openSession(given, terminal);
  const object = await getTarget(session, target);
  const pages = pagesOf(object);
  const [first] = pages;
  if (first === undefined) throw new ClusterError(`${titleOf(target)} ${withoutPages(object)}`);
  terminal.stdout.write(pages.map((page) => `${page}\n`).join(''));
  const isDesktop = sizeOf(terminal.stdout) !== undefined && !given.has('print');
  if (isDesktop) openPage(first, terminal.environment);
  return ownCodes.done;
}

/** The addresses in Girder of the results, each once; only those that a browser may open. */
export function pagesOf(object: StoredObject): string[] {
  const spec = recordAt(object, 'spec');
  const apiUrl = textAt(recordAt(spec, 'girder'), 'apiUrl') ?? '';
  const results = isSet(object) ? [] : (runStatusOf(object).results ?? []);
  const pages = [
    ...results.map(({ url, itemId }) => url ?? girderPage(apiUrl, `item/${itemId}`)),
    ...(isSet(object) ? folderPages(object, apiUrl) : []),
  ].filter((page) => page !== undefined);
  return [...new Set(pages)].filter((page) => isWebPage(page)).map(plain);
}

/** The results of a set by ID; a folder with a path is known only to its planner, but the report is beside them. */
function folderPages(object: StoredObject, apiUrl: string): (string | undefined)[] {
  const spec = recordAt(object, 'spec');
  const results = textAt(recordAt(recordAt(spec, 'results'), 'folder'), 'id');
  const source = textAt(recordAt(recordAt(spec, 'source'), 'folder'), 'id');
  const isBeside = textAt(recordAt(spec, 'results'), 'place') === 'Input';
  const folder = results ?? (isBeside ? source : undefined);
  const { report } = setStatusOf(object);
  return [
    folder === undefined ? undefined : girderPage(apiUrl, `folder/${folder}`),
    report === undefined ? undefined : girderPage(apiUrl, `item/${report.itemId}`),
  ];
}

function isWebPage(page: string): boolean {
  return URL.canParse(page) && ['http:', 'https:'].includes(new URL(page).protocol);
}

function withoutPages(object: StoredObject): string {
  const { resultCount = 0 } = runStatusOf(object);
  return resultCount > 0 || isSet(object)
    ? 'has results, but spec.girder.apiUrl does not end in /api/v1, so their pages are not known'
    : 'has no results in Girder yet';
}

/** The page is one argument, without a shell: it may hold any character. */
function openPage(page: string, { DISPLAY, WAYLAND_DISPLAY }: NodeJS.ProcessEnv): void {
  const openers: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
    darwin: ['open'],
    win32: ['rundll32', 'url.dll,FileProtocolHandler'],
    ...((DISPLAY ?? WAYLAND_DISPLAY) === undefined ? {} : { linux: ['xdg-open'] as const }),
  };
  const [program, ...args] = openers[process.platform] ?? [];
  if (program === undefined) return;
  const child = spawn(program, [...args, page], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined).unref();
}
