/** A page of the site: a Markdown file of this tree. */
export type OutlinePage = {
  /** Relative to the root of the tree. */
  readonly path: string;
  /** In the navigation; shorter than the title of the page. */
  readonly label: string;
  /** Whether the terms that start its list items and table rows can be linked to, and are found by the search. */
  readonly hasTerms?: true;
};

export type OutlineSection = { readonly title: string; readonly pages: readonly OutlinePage[] };

const page = (path: string, label: string): OutlinePage => ({ path, label });

const terms = (path: string, label: string): OutlinePage => ({ path, label, hasTerms: true });

/**
 * The navigation of the site. Pages that are only linked to are built as well, without a place in it: the outline says
 * what people look for, not what there is.
 */
export const outline: readonly OutlineSection[] = [
  {
    title: 'Start',
    pages: [
      page('README.md', 'What DockerRun does'),
      page('docs/first-steps.md', 'First steps'),
      page('docs/sets.md', 'Your first thousand slides'),
      page('docs/install.md', 'Installation'),
    ],
  },
  {
    title: 'How to …',
    pages: [
      page('docs/writing-manifests.md', 'write manifests'),
      page('docs/local-runs.md', 'run without a cluster'),
      page('docs/how-to/gpu.md', 'use a GPU'),
      page('docs/how-to/private-registry.md', 'pull from a private registry'),
      page('docs/how-to/big-files.md', 'work with big files'),
      page('docs/how-to/pipes.md', 'stream through pipes'),
      page('docs/how-to/kueue.md', 'queue with Kueue'),
      page('docs/how-to/nodes-without-docker.md', 'use nodes without Docker'),
      page('docs/gitops.md', 'use Argo CD, Flux and Helm'),
      page('docs/policy.md', 'allow things by policy'),
      page('docs/namespaces.md', 'set up namespaces and rights'),
      page('docs/bridge.md', 'replace Girder Worker'),
      page('docs/from-girder-worker.md', 'translate docker_run'),
      page('docs/ui.md', 'watch in a browser'),
    ],
  },
  {
    title: 'When something is wrong',
    pages: [
      page('docs/troubleshooting.md', 'Troubleshooting by symptom'),
      terms('docs/reasons.md', 'Reasons'),
      page('docs/operations.md', 'Operations and alerts'),
      page('docs/reliability.md', 'What a run survives'),
    ],
  },
  {
    title: 'Reference',
    pages: [
      page('docs/manifest.md', 'The manifest on one page'),
      terms('docs/reference/dockerrun.md', 'Fields of DockerRun'),
      terms('docs/reference/dockerrunset.md', 'Fields of DockerRunSet'),
      terms('docs/reference/dockerrunpolicy.md', 'Fields of DockerRunPolicy'),
      page('docs/commands.md', 'Commands'),
      page('docs/lifecycle.md', 'The life of a run'),
      terms('docs/metrics.md', 'Metrics'),
      page('docs/tracing.md', 'Traces'),
      page('docs/bridge-messages.md', 'Messages of the bridge'),
      page('docs/compatibility.md', 'Versions'),
      page('docs/releases.md', 'Releases'),
      page('docs/scorecard.md', 'OpenSSF Scorecard'),
    ],
  },
  {
    title: 'Understand',
    pages: [
      page('docs/architecture.md', 'Architecture in one picture'),
      page('docs/sizing.md', 'Sizing'),
      page('docs/threat-model.md', 'Threat model'),
      page('docs/glossary.md', 'Glossary'),
      page('docs/decisions/README.md', 'Decisions'),
      page('docs/defects.md', 'Defects that are gone'),
      page('docs/field-cases.md', 'Field cases'),
      page('docs/sets-cases.md', 'What was tested of sets'),
      page('CONTRIBUTING.md', 'Contributing'),
      page('CHANGELOG.md', 'Changelog'),
    ],
  },
];

export const outlinePages: readonly OutlinePage[] = outline.flatMap(({ pages }) => pages);
