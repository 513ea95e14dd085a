import manifest from '../../package.json' with { type: 'json' };

/** scripts/bundle.ts replaces this name by a value; it is not declared when the source itself runs. */
declare const dockerrunRevision: string | undefined;

/** The version of the operator, such as `0.1.0`; its only source is package.json. */
export const version: string = manifest.version;

/** The oldest Node.js that can load the program, such as `22.19`. */
export const oldestNode = manifest.engines.node.replace(/^>=/, '');

/** The git commit of the bundle, with `-dirty` if files had changed; `source` when the source itself runs. */
export const revision: string = typeof dockerrunRevision === 'undefined' ? 'source' : dockerrunRevision;

/** The User-Agent in requests to Kubernetes, Girder and the servers of streams. */
export const userAgent = `dockerrun/${version}`;
