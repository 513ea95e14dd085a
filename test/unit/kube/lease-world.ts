import {
  claimOf,
  isTermOver,
  type Lease,
  type LeaseTiming,
  trackLease,
  type TrackedLease,
} from '../../../src/kube/lease.ts';

/** The real times, in milliseconds, between which a candidate believed that it led. */
export type Reign = { readonly candidate: number; readonly from: number; to: number };

export type Candidate = {
  /** How many milliseconds its clock counts in one real millisecond. */
  readonly rate: number;
  /** What its clock showed at the start. */
  readonly offset: number;
  /** How long each of its messages takes, used in turn. A long one also stands for a pause of the process. */
  readonly delays: readonly number[];
  /** When it stops cleanly and for good. */
  readonly stopsAt: number;
};

type Step = { readonly at: number; readonly run: () => void };

/** A lease and its candidates in simulated time. The candidates decide by the program's own rules. */
export class LeaseWorld {
  readonly reigns: Reign[] = [];
  readonly #timing: LeaseTiming;
  readonly #steps: Step[] = [];
  #now = 0;
  #lease: Lease | undefined;
  #version = 0;

  constructor(timing: LeaseTiming, candidates: readonly Candidate[]) {
    this.#timing = timing;
    for (const [index, candidate] of candidates.entries()) this.#start(index, candidate);
  }

  /** Simulates until `untilMs`, and returns which candidate led when. */
  run(untilMs: number): readonly Reign[] {
    for (let step = this.#next(); step !== undefined && step.at < untilMs; step = this.#next()) {
      this.#steps.splice(this.#steps.indexOf(step), 1);
      this.#now = step.at;
      step.run();
    }
    return this.reigns;
  }

  #next(): Step | undefined {
    return this.#steps.toSorted((a, b) => a.at - b.at)[0];
  }

  #after(delay: number, run: () => void): void {
    this.#steps.push({ at: this.#now + delay, run });
  }

  /** The API server, which rejects a write that is not based on the last version. */
  #write(version: string | undefined, change: Omit<Lease, 'resourceVersion'>): Lease | undefined {
    if (this.#lease?.resourceVersion !== version) return undefined;
    this.#version += 1;
    this.#lease = { ...change, resourceVersion: String(this.#version) };
    return this.#lease;
  }

  #start(index: number, { rate, offset, delays, stopsAt }: Candidate): void {
    const timing = this.#timing;
    const identity = `candidate ${index}`;
    const clock = () => offset + this.#now * rate;
    const wait = (ms: number, run: () => void) => this.#after(ms / rate, run);
    let turn = 0;
    const delay = () => delays[turn++ % delays.length] ?? 1;
    let seen: TrackedLease | undefined;

    const read = () => {
      this.#after(delay(), () => {
        const lease = this.#lease;
        this.#after(delay(), () => {
          seen = trackLease(seen, lease, clock());
          if (this.#now >= stopsAt) return;
          if (claimOf(seen, identity, clock()) === 'wait') wait(timing.retryMs, read);
          else acquireOrRenew(seen.lease);
        });
      });
    };
    const acquireOrRenew = (before: Lease | undefined) => {
      const sentAt = clock();
      this.#after(delay(), () => {
        const [acquireTime, renewTime] = [String(sentAt), String(sentAt)];
        const spec = {
          holder: identity,
          durationMs: timing.durationMs,
          acquireTime,
          renewTime,
          transitions: 0,
        };
        const held = this.#write(before?.resourceVersion, spec);
        this.#after(delay(), () => (held === undefined ? wait(timing.retryMs, read) : lead(held, sentAt)));
      });
    };
    const lead = (held: Lease, sentAt: number) => {
      if (isTermOver(sentAt, clock(), timing)) return wait(timing.retryMs, read);
      const to = (sentAt + timing.renewDeadlineMs - offset) / rate;
      this.reigns.push({ candidate: index, from: this.#now, to: Math.min(to, Math.max(stopsAt, this.#now)) });
      if (this.#now + timing.renewMs / rate < stopsAt)
        return wait(timing.renewMs, () => acquireOrRenew(held));
      this.#after(Math.max(0, stopsAt - this.#now) + delay(), () =>
        this.#write(held.resourceVersion, { ...held, holder: '' }),
      );
    };
    read();
  }
}

/** The first two that led at the same time, if any did. */
export function overlap(reigns: readonly Reign[]): readonly [Reign, Reign] | undefined {
  for (const a of reigns)
    for (const b of reigns) if (a.candidate < b.candidate && a.from < b.to && b.from < a.to) return [a, b];
  return undefined;
}
