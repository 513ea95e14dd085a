import manifest from '../../package.json' with { type: 'json' };

/** Written by scripts/bundle.ts in place of this name; nothing declares it where the source itself runs. */
declare const dockerrunRevision: string | undefined;

/** The version of the operator, as in `0.1.0`: package.json is the one place where it stands. */
export const version: string = manifest.version;

/** The git commit that the program was bundled from, with `-dirty` where files differed; `source` for the source itself. */
export const revision: string = typeof dockerrunRevision === 'undefined' ? 'source' : dockerrunRevision;

/** How the program calls itself towards Kubernetes, Girder and the servers that streams go to. */
export const userAgent = `dockerrun/${version}`;
