import { openJobsSecret } from '../../../src/bridge/runs/open-jobs.ts';
import { aroundCall, aroundFrame, aroundGet, aroundPut, type KillPoint } from './wired-replica.ts';

/** Each step of a bridge, in order: where it is killed. */

const openJobs = `secrets/${openJobsSecret}`;

/** From the delivery of a message to the acknowledgement, and to the status RUNNING of its job. */
export const takingATask: readonly KillPoint[] = [
  aroundFrame('broker', 'deliver', 'before'),
  aroundPut(1, 'the first look at its job', 'before'),
  aroundPut(1, 'the first look at its job', 'after'),
  aroundCall('create', 'dockerruns', 'before'),
  aroundCall('create', 'dockerruns', 'after'),
  aroundCall('create', 'secrets', 'before'),
  aroundCall('create', 'secrets', 'after'),
  aroundCall('patch', openJobs, 'after'),
  aroundFrame('client', 'ack', 'before'),
  aroundFrame('client', 'ack', 'after'),
  aroundCall('get', 'secrets/girder-', 'before'),
  aroundPut(2, 'the first look of the leader', 'before'),
  aroundPut(3, 'the status RUNNING with its line', 'before'),
  aroundPut(3, 'the status RUNNING with its line', 'after'),
];

/** From the end of a run without a worker to the end of its job, and of the entry of the job. */
export const endingAJob: readonly KillPoint[] = [
  aroundPut(1, 'the look at the job of an ended run', 'before'),
  aroundGet('before'),
  aroundPut(2, 'the last line of the log', 'before'),
  aroundPut(2, 'the last line of the log', 'after'),
  aroundPut(3, 'the status ERROR', 'before'),
  aroundPut(3, 'the status ERROR', 'after'),
  aroundCall('patch', 'dockerruns', 'before'),
  aroundCall('patch', 'dockerruns', 'after'),
  aroundCall('patch', openJobs, 'after'),
];

/** From a cancel in Girder to `spec.cancel`. */
export const cancellingARun: readonly KillPoint[] = [
  aroundPut(1, 'the look that sees the cancel', 'after'),
  aroundCall('patch', 'dockerruns', 'before'),
  aroundCall('patch', 'dockerruns', 'after'),
];

/** Of a task that cannot be a run. */
export const refusingATask: readonly KillPoint[] = [
  aroundPut(1, 'the look at its job', 'before'),
  aroundPut(2, 'the sentence in its log', 'before'),
  aroundPut(2, 'the sentence in its log', 'after'),
  aroundPut(3, 'the status RUNNING', 'before'),
  aroundPut(3, 'the status RUNNING', 'after'),
  aroundPut(4, 'the status ERROR', 'before'),
  aroundPut(4, 'the status ERROR', 'after'),
  aroundFrame('client', 'ack', 'before'),
  aroundFrame('client', 'ack', 'after'),
];

/** Of a task for another worker. */
export const forwardingATask: readonly KillPoint[] = [
  aroundFrame('client', 'publish', 'before'),
  aroundFrame('client', 'publish', 'after'),
  aroundFrame('client', 'ack', 'before'),
  aroundFrame('client', 'ack', 'after'),
  aroundFrame('client', 'commit', 'after'),
];
