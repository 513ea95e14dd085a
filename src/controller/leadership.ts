import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Connection } from '../kube/connection.ts';
import { Election, Term } from '../kube/lease-election.ts';
import { leaseTiming } from '../kube/lease.ts';
import { sleep } from '../support/abort.ts';
import type { Logger } from '../support/log.ts';

/** The Lease in the controller's own namespace. */
export const leaseName = 'dockerrun-controller';

/** What leading needs, and what it does. */
export type LeadershipOptions = {
  /** Off, every replica leads; only for one replica, or for a test. */
  election: boolean;
  /** With a pool of its own, so that a renewal never waits behind the requests of the loop. */
  connection: Connection;
  isReady: () => boolean;
  /** Works until the term is over or the signal of `runLeadership` aborts. */
  lead: (term: Term) => Promise<void>;
  /** Told at every change: 1 of leader_election_master_status. */
  onLeading: (isLeading: boolean) => void;
  log: Logger;
};

/** Leads whenever it is this replica's turn, until the signal aborts; nothing of it goes on afterwards. */
export async function runLeadership(options: LeadershipOptions, signal: AbortSignal): Promise<void> {
  const { connection, isReady, log, onLeading } = options;
  const lead = async (term: Term) => {
    onLeading(true);
    await options.lead(term).finally(() => onLeading(false));
  };
  if (!options.election) return leadAlone({ isReady, lead }, signal);
  const { namespace } = connection;
  // The pod's name tells people who leads; the rest keeps a container that was started anew from taking itself for the old one.
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
