import { usedItemNames } from '../../api/references.ts';
import { girderUsesOf } from '../../api/spec-usage.ts';
import type { GirderClient } from '../../girder/client.ts';
import { RunError } from '../../support/errors.ts';
import { doConcurrently } from '../../support/task-group.ts';
import { traced } from '../../support/trace/trace.ts';
import type { OpenedRun, RunContext } from '../context.ts';
import { Preparation } from '../preparation.ts';
import { LiveReport } from '../progress.ts';
import { cleanUp } from '../run-end.ts';
import type { DockerVolumes, SharedVolume } from '../run-environment.ts';
import { runTarget, type TargetEnd, type TargetOrder } from '../run-target.ts';
import type { StagedFiles } from '../stage/journal.ts';
import { checkPlaces, connectGirder } from '../stage/prepare.ts';
import { ChunkReport } from './chunk-report.ts';
import { concludeFailed, finishItem, type ImageFacts, writeCautiousReceipt } from './finished-item.ts';
import { printable } from './item-spec.ts';
import { openSharedVolumes } from './item-volumes.ts';
import { prepareShared, type Shared } from './shared-parts.ts';
import {
  type Chunk,
  type FailedItem,
  failureOfItem,
  mayBeCreatedAhead,
  type ReadyItem,
  type StagedItem,
  stageItem,
} from './staged-item.ts';

type Opening = {
  readonly journal: StagedFiles;
  /** Those that outlive the run. */
  readonly lasting: readonly SharedVolume[];
  readonly dockerVolumes: DockerVolumes | undefined;
};

/**
 * Runs the target for each input, one after another, while the next input is downloaded and the last result uploaded.
 * An input that fails does not end the others.
 * @throws RunError ItemsFailed after all inputs, or a failure that is not of one input, such as that of the engine
 */
export async function runChunk(opened: OpenedRun, opening: Opening): Promise<void> {
  const { forEach } = opened.environment.spec;
  if (forEach === undefined) throw new TypeError('the run has no forEach');
  const report = new ChunkReport(forEach.items);
  let girder: GirderClient | undefined;
  try {
    const begin = async (signal: AbortSignal): Promise<Chunk> => {
      const bounded = { ...opened, signal };
      await opening.journal.begin(bounded, opening.lasting);
      girder = await connectGirder(bounded);
      if (girder === undefined) throw new RunError('InvalidSpec', 'forEach requires spec.girder');
      const { spec } = opened.environment;
      const uses = girderUsesOf(spec).filter(({ to }) => usedItemNames(to).length === 0);
      const found = await checkPlaces(bounded, girder, uses);
      const volumes = await openSharedVolumes(spec, opened.volumes);
      const set = `${forEach.set.namespace}/${forEach.set.name}`;
      const { dockerVolumes } = opening;
      return { opened, girder, forEach, set, volumes, dockerVolumes, uses, found, writable: new Set() };
    };
    const chunk = await opened.preparation.run(begin);
    opened.report.items = report;
    await new Pipeline(chunk, report).run();
  } finally {
    report.stopped();
    await cleanUp(opened, 'all downloaded files', (signal) => opening.journal.remove(opened, signal));
    await girder?.close();
  }
  if (report.failure !== undefined) throw report.failure;
}

/** A target that has ended. `takeBack` undoes what was written in case that the worker is lost. */
type Ended = {
  readonly ready: ReadyItem;
  readonly context: RunContext;
  readonly end: TargetEnd;
  readonly takeBack: TakeBack | undefined;
};

type TakeBack = () => Promise<void>;

/** An input that is being staged. As soon as it is, its container is created, which starts when it is its turn. */
type Entered = {
  readonly staged: Promise<StagedItem>;
  /** Undefined for an input whose target does not run, or is created only when it is its turn. */
  readonly ahead: Promise<Target | undefined>;
  readonly turn: PromiseWithResolvers<void>;
  /** Ends what is ahead, before its turn. */
  readonly forgo: AbortController;
};

type Ahead = { readonly turn: Promise<void>; readonly forgone: AbortSignal };

/** A target of which `ended` settles no later than `whole`, which is when its container is gone as well. */
type Target = { readonly ended: Promise<void>; readonly whole: Promise<Ended | FailedItem> };

/**
 * At most three inputs are on the node: one is downloaded, one is processed, and one is uploaded. The container of the
 * next input is created while a target runs, so that between two targets there is only the start.
 */
class Pipeline {
  readonly #chunk: Chunk;
  readonly #report: ChunkReport;
  /** What still has to be removed from the node. */
  readonly #open = new Map<number, ReadyItem>();
  readonly #streams = new Map<number, TargetEnd['streams']>();
  /** Aborts when the run ends before its last input: what is prepared for the next one must stop. */
  readonly #over = new AbortController();
  readonly #targets: Promise<unknown>[] = [];
  #shared: Shared | undefined;
  /** Whether a target has run, with which the volumes are known to be those of the engine. */
  #isProven = false;

  constructor(chunk: Chunk, report: ChunkReport) {
    this.#chunk = chunk;
    this.#report = report;
  }

  async run(): Promise<void> {
    const { items } = this.#chunk.forEach;
    let next: Entered | undefined = this.#enter(0);
    let finishing: Promise<void> = Promise.resolve();
    try {
      for (const index of items.keys()) {
        const entered: Entered = next ?? this.#enter(index);
        const staged = await entered.staged;
        next = index + 1 < items.length ? this.#enter(index + 1) : undefined;
        const finish = await this.#process(index, staged, entered);
        await finishing;
        finishing = settled(finish());
      }
      this.#report.uploads();
      await finishing;
    } finally {
      const over = new RunError('Cancelled', 'the run ended before this input');
      this.#over.abort(over);
      next?.forgo.abort(over);
      await Promise.allSettled([next?.ahead, finishing]);
      await Promise.allSettled(this.#targets);
      for (const index of this.#open.keys()) await this.#remove(index);
    }
  }

  #enter(index: number): Entered {
    const staged = settled(index === 0 ? this.#stageFirst() : this.#stage(index));
    const [turn, forgo] = [Promise.withResolvers<void>(), new AbortController()];
    const ahead = staged.then((item) => {
      const isAhead = index > 0 && item.kind === 'ready' && mayBeCreatedAhead(item.context);
      return isAhead ? this.#begin(item, { turn: turn.promise, forgone: forgo.signal }) : undefined;
    });
    return { staged, ahead: settled(ahead), turn, forgo };
  }

  /** The image and the shared downloads, together with the first input, within the start deadline of the run. */
  async #stageFirst(): Promise<StagedItem> {
    const { preparation } = this.#chunk.opened;
    let staged: StagedItem | undefined;
    await preparation.run((signal) =>
      doConcurrently(
        [
          async (stop) => {
            this.#shared = await prepareShared(this.#chunk, stop);
          },
          async (stop) => {
            staged = await this.#stage(0, { preparation, stop });
          },
        ],
        { limit: 2, signal },
      ),
    );
    if (staged === undefined) throw new TypeError('the first input was not staged');
    if (staged.kind === 'failed') preparation.exceeded.throwIfAborted();
    if (staged.kind !== 'ready') preparation.end();
    return staged;
  }

  async #stage(
    index: number,
    given?: { readonly preparation: Preparation; readonly stop: AbortSignal },
  ): Promise<StagedItem> {
    const { opened } = this.#chunk;
    const report = new LiveReport();
    if (index === 0) this.#report.begins(0, report);
    const signal = AbortSignal.any([opened.signal, this.#over.signal, ...(given ? [given.stop] : [])]);
    // A deadline of its own for each input but the first, whose deadline is that of the run.
    using own = given === undefined ? this.#preparationOf(report, signal) : undefined;
    const narrowed = { ...this.#chunk, opened: { ...opened, signal } };
    const staged = await stageItem(
      narrowed,
      { index, report },
      own ?? given?.preparation ?? opened.preparation,
    );
    if (staged.kind !== 'ready') return staged;
    const ready = { ...staged, context: { ...staged.context, signal: opened.signal } };
    this.#open.set(index, ready);
    return ready;
  }

  #preparationOf(report: LiveReport, signal: AbortSignal): Preparation {
    return new Preparation({ environment: this.#chunk.opened.environment, report, signal });
  }

  /** Runs the target, if there is something to do, to its end. Returns what is left to do beside the next target. */
  async #process(index: number, staged: StagedItem, entered: Entered): Promise<() => Promise<void>> {
    if (staged.kind === 'done') return async () => this.#skip(index, staged);
    if (staged.kind === 'failed') return () => this.#fail(staged);
    const ahead = await entered.ahead;
    this.#announce(staged);
    entered.turn.resolve();
    const { ended, whole } = ahead ?? this.#begin(staged);
    await ended;
    return async () => {
      const outcome = await whole;
      return 'end' in outcome ? this.#finish(outcome) : this.#fail(outcome);
    };
  }

  #begin(ready: ReadyItem, ahead?: Ahead): Target {
    const { promise, resolve } = Promise.withResolvers<void>();
    const whole = this.#runTarget(ready, { ...ahead, onEnded: resolve });
    // What fails the run must end it now, and not after the next target.
    const ended = Promise.race([promise, whole.then(() => undefined)]);
    this.#targets.push(whole);
    return { ended: settled(ended), whole: settled(whole) };
  }

  #skip(index: number, { failure }: Extract<StagedItem, { kind: 'done' }>): void {
    if (failure === undefined) this.#report.skipped(index);
    else this.#report.failed(index, failure.reason, failure.message);
  }

  async #fail(item: FailedItem): Promise<void> {
    const { failure, isOurs, index } = item;
    if (isOurs) await concludeFailed(this.#chunk, item, { failure, image: this.#imageFacts() });
    this.#report.failed(index, failure.reason, failure.message);
  }

  async #finish({ ready, context, end, takeBack }: Ended): Promise<void> {
    const { index } = ready;
    try {
      const ending = { context, end, image: this.#imageFacts() };
      const { failure, results } = await finishItem(this.#chunk, ready, ending);
      if (failure === undefined) this.#report.succeeded(index, results);
      else this.#report.failed(index, failure.reason, failure.message);
    } catch (error) {
      await undo(takeBack);
      throw error;
    } finally {
      await this.#remove(index);
    }
  }

  async #runTarget(
    given: ReadyItem,
    { forgone, ...order }: Partial<Ahead> & Pick<TargetOrder, 'onEnded'>,
  ): Promise<Ended | FailedItem> {
    const { opened, girder, forEach } = this.#chunk;
    const { index, report, staged } = given;
    const signal = forgone === undefined ? opened.signal : AbortSignal.any([opened.signal, forgone]);
    using own = index === 0 ? undefined : this.#preparationOf(report, signal);
    let ready = given;
    let takeBack: TakeBack | undefined;
    try {
      if (forEach.isCautious) {
        const cautious = await writeCautiousReceipt(this.#chunk, given, this.#imageFacts());
        [ready, takeBack] = [cautious.facts, cautious.takeBack];
      }
      const context = this.#contextOf(ready, own ?? opened.preparation);
      const { paths, files } = staged;
      const { imageId, imageAsksForGpus } = this.#sharedParts();
      const prepared = { paths, files, imageId, imageAsksForGpus };
      const ordered = { ...order, isProven: this.#isProven };
      const end = await traced('run target', {}, () =>
        runTarget({ ...context, signal }, girder, prepared, ordered),
      );
      this.#isProven = true;
      this.#streams.set(index, end.streams);
      opened.signal.throwIfAborted();
      return { ready, context, end, takeBack };
    } catch (error) {
      const failure = await this.#failureOf(index, error).catch(async (unfinished: unknown) => {
        await undo(takeBack);
        throw unfinished;
      });
      await this.#remove(index);
      return { ...ready, kind: 'failed', isOurs: true, failure };
    }
  }

  /** @throws RunError what is not a failure of this input alone */
  async #failureOf(index: number, error: unknown): Promise<RunError> {
    const { signal, preparation } = this.#chunk.opened;
    if (index === 0) preparation.exceeded.throwIfAborted();
    return failureOfItem(error, signal);
  }

  #contextOf({ context }: ReadyItem, preparation: Preparation): RunContext {
    const { environment } = context;
    const { item } = environment;
    if (item === undefined) throw new TypeError('the spec is not that of an input');
    const values = new Map([...item.values, ...this.#sharedParts().paths]);
    return { ...context, preparation, environment: { ...environment, item: { ...item, values } } };
  }

  /**
   * The target of an input is next, also in the report. In the log of the pod, a line such as
   * `--- case-0007.svs (3 of 25)` on stderr precedes the output of each target.
   */
  #announce({ index, item, report }: ReadyItem): void {
    const { opened, forEach } = this.#chunk;
    this.#report.begins(index, report);
    this.#report.runs(index);
    opened.stderr.write(`--- ${printable(item.name)} (${index + 1} of ${forEach.items.length})\n`);
  }

  /** The streams and files of one input; that they cannot be removed changes no outcome. */
  async #remove(index: number): Promise<void> {
    const { opened } = this.#chunk;
    const [ready, streams] = [this.#open.get(index), this.#streams.get(index)];
    this.#open.delete(index);
    this.#streams.delete(index);
    if (streams !== undefined) await cleanUp(opened, 'the streams', () => streams.close());
    if (ready === undefined) return;
    await cleanUp(opened, `the files of input ${ready.item.id}`, (signal) => ready.place.remove(signal));
  }

  #sharedParts(): Shared {
    if (this.#shared === undefined) throw new TypeError('the image was not prepared');
    return this.#shared;
  }

  #imageFacts(): ImageFacts {
    return this.#sharedParts().image;
  }
}

async function undo(takeBack: TakeBack | undefined): Promise<void> {
  await takeBack?.().catch(() => undefined);
}

/** The same promise, which may reject before anything awaits it. */
function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
