/**
 * The fenced blocks of the pages that no test takes, each with what is tested instead. Without `words`, it is all blocks
 * of the page.
 */
export const blocksNotRun: readonly {
  readonly page: string;
  readonly words?: string;
  readonly why: string;
}[] = [
  {
    page: 'docs/commands.md',
    why: 'made of the help of the commands; the program accepts each line (page-manifests.test.ts), and test/e2e/commands and test/e2e/local-run.test.ts run the commands',
  },
  {
    page: 'docs/local-runs.md',
    words: 'make bundle && npm',
    why: 'test/integration/packaging/npm-package.test.ts packs and installs the package, and runs it',
  },
  {
    page: 'docs/local-runs.md',
    words: 'DOCKER_HOST=ssh://',
    why: 'it needs a server of ssh; test/e2e/remote-run.test.ts runs it with a script in the place of ssh',
  },
  {
    page: 'docs/how-to/nodes-without-docker.md',
    words: 'make engine-image',
    why: 'it publishes; test/nodes/engine-in-pod.test.ts builds the image of the same Dockerfile and runs it',
  },
  {
    page: 'docs/how-to/nodes-without-docker.md',
    words: 'kubectl label node',
    why: 'it needs a second node; test/nodes/engine-in-pod.test.ts selects one by a label',
  },
  {
    page: 'docs/releases.md',
    words: 'skopeo copy',
    why: 'it publishes; test/integration/packaging/release-image.test.ts reads the files that it would publish',
  },
  {
    page: 'docs/ui.md',
    why: 'it serves until Ctrl-C; test/e2e/ui.test.ts runs the command, and looks at its page with a browser',
  },
  {
    page: 'docs/writing-manifests.md',
    words: "from 'cdk8s'",
    why: 'it needs cdk8s; test/integration/packaging/builder-package.test.ts runs the program that makes its manifest',
  },
];
