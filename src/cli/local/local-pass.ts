import { randomUUID } from 'node:crypto';
import { girderPage } from '../../api/girder-page.ts';
import type { ForEachItem } from '../../api/for-each.ts';
import type { PlannerPlan } from '../../api/set/planner-plan.ts';
import type { PlannerReport } from '../../api/set/window.ts';
import type { GirderClient } from '../../girder/client.ts';
import { parseListedPage } from '../../girder/listed-documents.ts';
import { openGirder } from '../../girder/open-girder.ts';
import { LivePlan } from '../../planner/live-plan.ts';
import { type SurveyedInput, surveySource } from '../../planner/survey.ts';
import { deadline } from '../../support/abort.ts';
import type { Logger } from '../../support/log.ts';
import type { LocalSecrets } from './local-secrets.ts';
import type { AcceptedSet } from '../offline/set-validation.ts';

/** What a pass on this machine found, with the first inputs that have to run. */
export type LocalPass = Pick<PlannerReport, 'counts' | 'why' | 'failures'> & {
  readonly inputs: readonly SurveyedInput[];
};

/** How the planner and the addresses of results reach Girder. */
export type LocalGirder = {
  readonly set: AcceptedSet;
  readonly secrets: LocalSecrets;
  readonly girderRedirects: readonly string[];
  readonly log: Logger;
  readonly signal: AbortSignal;
};

type PassParts = LocalGirder & {
  readonly limit: number;
  /** Called with how many inputs have been compared. */
  readonly onListed: (count: number) => void;
};

const pollMs = 2_000;

/** Compares the source with the results as the planner of a cluster does. @throws RunError */
export async function makeLocalPass(parts: PassParts): Promise<LocalPass> {
  const { set, limit, log, signal, girderRedirects, onListed } = parts;
  const { namespace, name, spec } = set;
  const live = new LivePlan();
  const plan: PlannerPlan = {
    set: { namespace, name, uid: randomUUID() },
    spec,
    pass: 1,
    retryFailed: false,
    girderRedirects,
  };
  const timer = setInterval(() => onListed(live.counts.listed), pollMs);
  try {
    const survey = (client: GirderClient) => surveySource({ plan, client, live, log, signal, limit });
    const found = await withGirder(parts, survey);
    const { counts, why, failures } = live.snapshot('', plan.pass);
    return { counts, why, failures, inputs: found };
  } finally {
    clearInterval(timer);
  }
}

/** For all addresses together: they are only for display. */
const addressMs = 15_000;

/** The address in Girder of the result item of each input, as far as it is there, by the ID of the input. */
export async function resultPages(
  parts: LocalGirder,
  items: readonly ForEachItem[],
): Promise<ReadonlyMap<string, string>> {
  const { set } = parts;
  const pages = new Map<string, string>();
  const signal = deadline(addressMs);
  const look = async (client: GirderClient) => {
    for (const { id, result } of items) {
      const query = { folderId: result.folderId, name: result.name, limit: 1 };
      const subject = `folder ${result.folderId}`;
      const request = { method: 'GET', route: ['item'], query, subject, signal } as const;
      const [found] = await client.json({ ...request, parse: parseListedPage });
      if (found === undefined) continue;
      const page = girderPage(set.spec.girder.apiUrl, `item/${found._id}`) ?? `item ${found._id}`;
      pages.set(id, page);
    }
  };
  await withGirder({ ...parts, signal }, look).catch(() => undefined);
  return pages;
}

async function withGirder<T>(
  { set, secrets, girderRedirects: redirects, log, signal }: LocalGirder,
  work: (client: GirderClient) => Promise<T>,
): Promise<T> {
  const { apiUrl, credentialsSecretRef } = set.spec.girder;
  const credentials = secrets.girderCredentials(credentialsSecretRef.name);
  const client = await openGirder({ apiUrl, credentials, needs: ['read', 'write'], redirects, signal, log });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
