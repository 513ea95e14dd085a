/** The settings of the node agent, which come from its environment. Times are in milliseconds. */
export type AgentConfig = {
  readonly dockerSocket: string;
  /** The engine's data-root, as it is mounted in the agent: its file system is the engine's disk. */
  readonly dockerRoot: string;
  readonly logLevel: string;
  readonly healthPort: number;
  readonly metricsPort: number;
  readonly collector: CollectorSettings;
};

export type CollectorSettings = {
  /** In percent of the disk that is used: above `high`, unused images are removed until it is below `low`. */
  readonly diskPercent: { readonly high: number; readonly low: number };
  /** An image that was used or seen first since then stays; more than the time between a pull and its use. */
  readonly imageUnusedMs: number;
  /** How long a container of a run stays after its end: those with `removeContainer: false`. */
  readonly keepContainersMs: number;
};

type Environment = Record<string, string | undefined>;

/** Reads the settings. @throws {TypeError} a setting is invalid; the message names the first such setting */
export function readAgentConfig(environment: Environment): AgentConfig {
  const number = (name: string, fallback: number, { min, max }: { min: number; max: number }) => {
    const text = environment[name];
    const value = text === undefined || text === '' ? fallback : Number(text);
    if (Number.isFinite(value) && value >= min && value <= max) return value;
    throw new TypeError(`${name} must be a number from ${min} to ${max}, not "${text}"`);
  };
  const seconds = (name: string, fallback: number) =>
    number(name, fallback, { min: 60, max: 10 * 365 * 86_400 }) * 1000;
  const port = (name: string, fallback: number) => number(name, fallback, { min: 1, max: 65_535 });
  const high = number('DOCKERRUN_IMAGE_GC_HIGH_PERCENT', 85, { min: 1, max: 100 });
  return {
    dockerSocket: environment['DOCKERRUN_DOCKER_SOCKET'] || '/var/run/docker.sock',
    dockerRoot: environment['DOCKERRUN_DOCKER_ROOT'] || '/var/lib/docker',
    logLevel: environment['DOCKERRUN_LOG_LEVEL'] || 'info',
    healthPort: port('DOCKERRUN_HEALTH_PORT', 8081),
    metricsPort: port('DOCKERRUN_METRICS_PORT', 8080),
    collector: {
      diskPercent: { high, low: number('DOCKERRUN_IMAGE_GC_LOW_PERCENT', 80, { min: 0, max: high }) },
      imageUnusedMs: seconds('DOCKERRUN_IMAGE_GC_UNUSED_SECONDS', 3_600),
      keepContainersMs: seconds('DOCKERRUN_KEEP_CONTAINERS_SECONDS', 7 * 86_400),
    },
  };
}
