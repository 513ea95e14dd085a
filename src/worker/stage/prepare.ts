import { ensureImage } from '../../docker/pull/ensure-image.ts';
import type { RegistryAuths } from '../../docker/pull/registry-auths.ts';
import type { GirderClient } from '../../girder/client.ts';
import { checkDestination, type Destination } from '../../girder/upload/destination.ts';
import { RunError } from '../../support/errors.ts';
import { doConcurrently } from '../../support/task-group.ts';
import { traced } from '../../support/trace/trace.ts';
import type { RunContext } from '../context.ts';
import type { HookStep, OutputStep, Steps } from '../plan.ts';
import { pullPolicy } from '../target-options.ts';
import { type IdUse, inContext, wrongIdHint } from './hints.ts';
import { type StagedIn, stageIn } from './stage-in.ts';

/** All that is there before the target is created; `imageId` is the image that was pulled or found. */
export type Prepared = StagedIn & { readonly imageId: string };

/** Pulls, downloads and checks destinations concurrently; the first failure stops the others. */
export async function prepare(context: RunContext, girder: GirderClient | undefined): Promise<Prepared> {
  const { report } = context;
  // Shown while there is no pull or download.
  report.doing = girder === undefined ? 'Checking the image' : 'Checking inputs and destinations in Girder';
  const failed = new AbortController();
  const together = { ...context, signal: AbortSignal.any([context.signal, failed.signal]) };
  const stopOthers = (error: unknown): never => {
    failed.abort(error);
    report.doing = 'Cleaning up';
    throw error;
  };
  const pull = pullImage(together).catch(stopOthers);
  const download: Promise<StagedIn> =
    girder === undefined
      ? Promise.resolve({ paths: new Map(), files: new Map() })
      : stageIn(together, girder).catch(stopOthers);
  const check = girder && checkDestinations(together, girder).catch(stopOthers);
  await Promise.allSettled([pull, download, check]);
  context.signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return { ...(await download), imageId: await pull };
}

async function pullImage(context: RunContext): Promise<string> {
  const { environment, report } = context;
  const { image } = environment.spec;
  const policy = pullPolicy(environment.spec);
  using pull = policy === 'Never' ? undefined : report.beginPull(image);
  const pulled = (auths: RegistryAuths) =>
    context.preparation.engineWait.narrowedTo(context.signal).until(() =>
      ensureImage(context, {
        image,
        policy,
        auths,
        onProgress: (bytes, total, message) => pull?.moved(message, bytes, total),
      }),
    );
  return await traced('pull image', { 'container.image.name': image }, async () =>
    pulled(await environment.registryAuths()),
  );
}

/** A destination with its field of the spec; an optional one does not fail the run. */
type DestinationUse = Destination & IdUse & { readonly field: string; readonly isOptional: boolean };

const concurrentChecks = 4;

/**
 * Looks up every item and folder that will receive results, so that a mistyped id fails the run before the
 * target computes anything.
 * @throws RunError with the field of the spec
 */
export async function checkDestinations(
  { steps, log, signal }: RunContext,
  client: GirderClient,
): Promise<void> {
  const checks = destinationsOf(steps).map((use) => async (stop: AbortSignal) => {
    try {
      await checkDestination(client, use, stop);
    } catch (error) {
      const explained = inContext(await wrongIdHint(client, error, use, stop), use.field);
      if (!use.isOptional || !isMistake(explained)) throw explained;
      log.warn({ error: explained.message }, 'the destination of an optional hook is not usable');
    }
  });
  if (checks.length === 0) return;
  await traced('check destinations', {}, () => doConcurrently(checks, { limit: concurrentChecks, signal }));
}

function isMistake(error: unknown): error is RunError {
  return error instanceof RunError && ['GirderNotFound', 'GirderForbidden'].includes(error.reason);
}

/** Each destination once; it is optional only if every use of it is. */
function destinationsOf({ hooks, streams }: Steps): DestinationUse[] {
  const uses = [...streams.outputs.flatMap(useOfStream), ...hooks.map(useOfHook)];
  const distinct = new Map<string, DestinationUse>();
  for (const use of uses) {
    const key = `${use.kind} ${use.id}`;
    const other = distinct.get(key);
    if (other === undefined || (other.isOptional && !use.isOptional)) distinct.set(key, use);
  }
  return [...distinct.values()];
}

const streamAdvice = { file: 'use the id of its item', folder: 'use the id of an item in it' } as const;

const hookAdvice = {
  file: 'use the id of its item',
  item: 'use girderUploadVolumePathToItem',
  folder: 'use girderUploadVolumePathToFolder',
} as const;

function useOfStream({ name, to }: OutputStep): DestinationUse[] {
  if (to.kind !== 'item') return [];
  const field = `spec.transforms: ${name}.connect.output.girderStreamToItem.itemId`;
  return [{ kind: 'item', id: to.item.itemId, field, isOptional: false, advice: streamAdvice }];
}

function useOfHook({ hook, to, optional }: HookStep): DestinationUse {
  const spec = `spec.girderResultHooks[${hook}]`;
  const rest = { isOptional: optional, advice: hookAdvice };
  return 'itemId' in to
    ? { kind: 'item', id: to.itemId, field: `${spec}.girderUploadVolumePathToItem.itemId`, ...rest }
    : { kind: 'folder', id: to.folderId, field: `${spec}.girderUploadVolumePathToFolder.folderId`, ...rest };
}
