import { servePod } from '../runtime/pod-server.ts';
import type { LivePlan } from './live-plan.ts';

type Served = {
  readonly port: number;
  readonly address?: string | undefined;
  readonly podUid: string;
  readonly pass: number;
  readonly live: LivePlan;
  /** Called with each request that names the uid. */
  readonly onRequest: () => void;
};

/**
 * Serves the window at `/<uid of the pod>?after=N&done=0|1`. Only the controller knows the uid, so that nobody else can
 * acknowledge inputs. Answers are made for each request: at most 512 KiB, of what is in memory.
 */
export function serveWindow({ port, address, podUid, pass, live, onRequest }: Served): { close: () => void } {
  const body = (query: URLSearchParams) => {
    const after = Number(query.get('after') ?? 0);
    live.acknowledge(after, query.get('done') === '1');
    onRequest();
    return Buffer.from(JSON.stringify(live.snapshot(podUid, pass)));
  };
  return servePod({ port, address, podUid, takesQuery: true, body });
}
