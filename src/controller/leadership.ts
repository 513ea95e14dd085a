import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Connection } from '../kube/connection.ts';
import { Election, Term } from '../kube/lease-election.ts';
import { leaseTiming } from '../kube/lease.ts';
import { sleep } from '../support/abort.ts';
import type { Logger } from '../support/log.ts';

/** The Lease, in the controller's own namespace. */
export const leaseName = 'dockerrun-controller';

export type LeadershipOptions = {
  /** When false, every replica leads; only for a single replica, or for a test. */
  election: boolean;
  /** With a pool of its own, so that a renewal never waits behind the requests of reconciles. */
  connection: Connection;
  isReady: () => boolean;
  /** Called for each term; resolves after the term is over or the signal of `runLeadership` aborts. */
  lead: (term: Term) => Promise<void>;
  /** Called at every change; true is 1 in leader_election_master_status. */
  onLeading: (isLeading: boolean) => void;
  log: Logger;
};

/** Leads whenever this replica holds the Lease, until the signal aborts; then nothing keeps running. */
export async function runLeadership(options: LeadershipOptions, signal: AbortSignal): Promise<void> {
  const { connection, isReady, log, onLeading } = options;
  const lead = async (term: Term) => {
    onLeading(true);
    await options.lead(term).finally(() => onLeading(false));
  };
  if (!options.election) return leadAlone({ isReady, lead }, signal);
  const { namespace } = connection;
  // The pod's name shows people which pod leads; the UUID keeps a restarted container from mistaking itself
  // for its predecessor.
  const identity = `${hostname()}_${randomUUID()}`;
  const election = { connection, namespace, name: leaseName, identity, timing: leaseTiming };
  await new Election({ ...election, isReady, lead, log }).run(signal);
}

async function leadAlone(
  { isReady, lead }: Pick<LeadershipOptions, 'isReady' | 'lead'>,
  signal: AbortSignal,
): Promise<void> {
  while (!isReady() && !signal.aborted) await sleep(50, signal).catch(() => undefined);
  if (!signal.aborted) await lead(Term.endless());
}
