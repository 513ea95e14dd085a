import { createLogger } from '../../../src/support/log.ts';
import { parsePlannerPlan } from '../../../src/api/set/planner-plan.ts';
import { planPass } from '../../../src/planner/main.ts';

/** A planner as in its pod, with the credentials and the port of a test. */
const { PLAN: plan, POD_UID: podUid = '', PORT: port, GIRDER_API_KEY: apiKey = '' } = process.env;

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort('SIGTERM'));
process.exit(
  await planPass({
    plan: parsePlannerPlan(plan),
    podUid,
    credentials: async () => ({ apiKey }),
    patienceMs: 20_000,
    port: Number(port),
    address: '127.0.0.1',
    log: createLogger('info', process.stderr),
    stop: stop.signal,
  }),
);
