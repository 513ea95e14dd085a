import type { ArgumentSpec, CommandSpec, OptionSpec, Section } from './command-spec.ts';

const connection: readonly OptionSpec[] = [
  {
    name: 'namespace',
    short: 'n',
    value: 'NAMESPACE',
    about: 'the namespace; without it, that of the context',
    completes: 'namespaces',
  },
  {
    name: 'context',
    value: 'CONTEXT',
    about: 'the context of the kubeconfig; without it, the current one',
    completes: 'contexts',
  },
  {
    name: 'kubeconfig',
    value: 'FILE',
    about: 'the kubeconfig; without it, KUBECONFIG or ~/.kube/config',
    completes: 'files',
  },
];

const selector: OptionSpec = {
  name: 'selector',
  short: 'l',
  value: 'LABELS',
  about: 'those with these labels, as in app=segment',
};
const everywhere: OptionSpec = { name: 'all-namespaces', short: 'A', about: 'those of all namespaces' };
const phase: OptionSpec = {
  name: 'phase',
  value: 'PHASE',
  about: 'those in this phase, such as Failed',
  completes: 'phases',
};
const ofSet: OptionSpec = {
  name: 'set',
  value: 'SET',
  about: 'the runs of this DockerRunSet',
  completes: 'sets',
};
const output = (formats: readonly string[]): OptionSpec => ({
  name: 'output',
  short: 'o',
  value: formats.join('|'),
  about: 'the form of what is printed',
  completes: formats,
});
const dryRun: OptionSpec = {
  name: 'dry-run',
  about: 'let the cluster check what would be done, and change nothing',
};
const timeout: OptionSpec = {
  name: 'timeout',
  value: 'DURATION',
  about: 'stop to wait after this time, such as 90s, 10m or 2h',
};

const target: ArgumentSpec = { name: 'NAME', completes: 'objects' };
const targets: ArgumentSpec = { ...target, isMany: true };
const someTargets: ArgumentSpec = { ...targets, isOptional: true };

const naming = 'NAME is a DockerRun, or set/NAME a DockerRunSet; run/NAME is also understood.';

const selecting = 'In place of names, -l takes the runs that have these labels now.';

const endCodes: Section = {
  title: 'Exit code',
  rows: [
    ['0', 'the run succeeded, or the set is complete and no input failed'],
    ["the target's", 'the target ended by itself with another code'],
    ['1', 'the cluster refused the request, or a set waits for a person'],
    ['2', 'an argument or option is wrong'],
    ['64 to 72', 'the run failed for another reason, as with dockerrun run'],
    ['74', 'some inputs of the set failed'],
    ['124', 'the time of --timeout is over'],
  ],
};
const severalEnds = 'Of several runs or sets, the exit code is the largest.';

const girderKey: Section = {
  title: 'Environment',
  rows: [
    ['GIRDER_API_KEY, GIRDER_TOKEN', 'your credentials for Girder'],
    [
      'GIRDER_API_URL',
      'the Girder to which they belong, as in spec.girder.apiUrl: they are sent nowhere else',
    ],
  ],
};

const group = 'Runs and sets in a cluster';
const setGroup = 'Sets in a cluster';

/** The commands that use the cluster of the kubeconfig, with the rights of its user. */
export const clusterCommands: readonly CommandSpec[] = [
  {
    name: 'submit',
    group,
    summary: 'Create the DockerRuns and DockerRunSets of a file in the cluster',
    args: [{ name: 'FILE', completes: 'files' }],
    options: [
      {
        name: 'set',
        short: 's',
        value: 'PATH=VALUE',
        isMany: true,
        about: 'set a field below spec, such as image=alpine or args[0]=x',
      },
      {
        name: 'generate-name',
        value: 'PREFIX',
        about: 'name the object PREFIX and five random characters',
      },
      { name: 'watch', short: 'w', about: 'show what was created until it has ended' },
      { name: 'wait', about: 'wait in silence until what was created has ended' },
      timeout,
      dryRun,
      output(['name', 'json', 'yaml']),
      ...connection,
    ],
    details: [
      'The file is checked first, with the sentences of dockerrun validate; exit code 64 means that it is not valid. Documents of other kinds, such as Secrets, are not created: use kubectl apply for them.',
      'PATH of --set is below spec. A step is the name of a field, [N] an element of a list (from 0; the one after the last adds an element), and [NAME] the element whose name is NAME. VALUE is text where the field is text, and YAML elsewhere: --set transforms[ct].girderFileIdToVolume.fileId=5f0c6f6e9ab2b0a1c3d4e5f6. Of a DockerRunSet, its template is template.spec.',
    ],
    examples: [
      'dockerrun submit segment.yaml --watch',
      "dockerrun submit run.yaml --generate-name seg- --set 'args[0]=--fast' --wait",
    ],
    sections: [endCodes],
    load: async () => (await import('./cluster/submit-command.ts')).submitCommand,
  },
  {
    name: 'list',
    group,
    summary: 'List runs, or sets',
    args: [{ name: 'runs|sets', isOptional: true, completes: ['runs', 'sets'] }],
    options: [selector, phase, ofSet, everywhere, output(['wide', 'json', 'yaml', 'name']), ...connection],
    examples: [
      'dockerrun list --phase Failed -A',
      'dockerrun list sets',
      'dockerrun list --set nuclei -o name',
    ],
    load: async () => (await import('./cluster/list-command.ts')).listCommand,
  },
  {
    name: 'get',
    group,
    summary: 'Show a run or a set: what happened, its conditions, transfers and results',
    args: [targets],
    options: [output(['wide', 'json', 'yaml', 'name']), ...connection],
    details: [naming],
    examples: ['dockerrun get segment', 'dockerrun get set/nuclei -o yaml'],
    load: async () => (await import('./cluster/list-command.ts')).getCommand,
  },
  {
    name: 'watch',
    group,
    summary: 'Show runs or sets as they change',
    args: [someTargets],
    options: [selector, ofSet, everywhere, timeout, ...connection],
    details: [
      `${naming} Without names, it shows the runs of the namespace until it is stopped, and with the word sets its sets; with names, it ends when all of them have ended, with the exit code of dockerrun wait.`,
      'A terminal shows a live table. Elsewhere each change is a line.',
    ],
    sections: [endCodes],
    load: async () => (await import('./cluster/watch-command.ts')).watchCommand,
  },
  {
    name: 'wait',
    group,
    summary: 'Wait until runs or sets have ended, and return their exit code',
    args: [someTargets],
    options: [selector, timeout, ...connection],
    details: [
      `${naming} ${selecting} ${severalEnds}`,
      'A set with watch or schedule has ended when its pass has. A set that is paused and needs a person ends the wait with exit code 1.',
    ],
    examples: ['dockerrun wait segment --timeout 2h'],
    sections: [endCodes],
    load: async () => (await import('./cluster/watch-command.ts')).waitCommand,
  },
  {
    name: 'logs',
    group,
    summary: 'Print the output of the target of a run',
    args: [{ name: 'NAME', completes: 'runs' }],
    options: [
      { name: 'follow', short: 'f', about: 'print more until the run has ended, over all attempts' },
      { name: 'previous', short: 'p', about: 'the output of the attempt before the last one' },
      { name: 'attempt', value: 'N', about: 'the output of this attempt; the first is 1' },
      { name: 'tail', value: 'N', about: 'only the last N lines of a pod' },
      ...connection,
    ],
    details: [
      'When the pod is deleted and the run reported to a Girder job, the output comes from the log of that job.',
    ],
    sections: [girderKey],
    load: async () => (await import('./cluster/logs-command.ts')).logsCommand,
  },
  {
    name: 'cancel',
    group,
    summary: 'Stop runs or sets for good; they and their status stay',
    args: [someTargets],
    options: [selector, dryRun, ...connection],
    details: [`${naming} ${selecting}`],
    load: async () => (await import('./cluster/control-commands.ts')).cancelCommand,
  },
  {
    name: 'suspend',
    group,
    summary: 'Stop runs for now, or let sets start nothing more',
    args: [someTargets],
    options: [selector, dryRun, ...connection],
    details: [
      `${naming} ${selecting} A run that is resumed starts from the beginning. Of a set, what runs is completed.`,
    ],
    load: async () => (await import('./cluster/control-commands.ts')).suspendCommand,
  },
  {
    name: 'resume',
    group,
    summary: 'Start suspended runs again, or let suspended sets continue',
    args: [someTargets],
    options: [selector, dryRun, ...connection],
    details: [`${naming} ${selecting}`],
    load: async () => (await import('./cluster/control-commands.ts')).resumeCommand,
  },
  {
    name: 'retry',
    group,
    summary: 'Create a new run with the spec of one that has ended; of a set, retry what failed',
    args: [target],
    options: [
      { name: 'failed', about: 'of a set: try once more the inputs that failed for good' },
      { name: 'watch', short: 'w', about: 'show the new run, or the set, until it has ended' },
      { name: 'wait', about: 'wait in silence until the new run, or the set, has ended' },
      timeout,
      dryRun,
      output(['name', 'json', 'yaml']),
      ...connection,
    ],
    details: [
      'The new run has a generated name and the label dockerrun.dev/retry-of. It does not report to the Girder job of the first one, which Girder cannot open again.',
    ],
    examples: ['dockerrun retry segment --watch', 'dockerrun retry set/nuclei --failed'],
    sections: [endCodes],
    load: async () => (await import('./cluster/submit-command.ts')).retryCommand,
  },
  {
    name: 'delete',
    group,
    summary: 'Delete runs or sets, and stop what they run',
    args: [someTargets],
    options: [selector, dryRun, ...connection],
    details: [`${naming} ${selecting} Results in Girder stay. It does not ask, as kubectl delete does not.`],
    load: async () => (await import('./cluster/control-commands.ts')).deleteCommand,
  },
  {
    name: 'open',
    group,
    summary: 'Print the pages of the results in Girder, and open the first on a desktop',
    args: [target],
    options: [{ name: 'print', about: 'open nothing' }, ...connection],
    details: [naming],
    load: async () => (await import('./cluster/open-command.ts')).openCommand,
  },
  {
    name: 'failures',
    group: setGroup,
    summary: 'Show why inputs of a set failed, grouped and with examples',
    args: [{ name: 'SET', completes: 'sets' }],
    options: [output(['json', 'yaml']), ...connection],
    load: async () => (await import('./cluster/set-inquiries.ts')).failuresCommand,
  },
  {
    name: 'explain-item',
    group: setGroup,
    summary: 'Explain why an input of a set ran, or did not',
    args: [{ name: 'SET', completes: 'sets' }, { name: 'ITEM' }],
    options: [...connection],
    details: [
      'ITEM is the ID of an item or folder of Girder, or its path below the source as the report has it. It looks at the chunks in the cluster, at the report of the last pass and at the receipt of the result.',
    ],
    sections: [girderKey],
    load: async () => (await import('./cluster/set-inquiries.ts')).explainItemCommand,
  },
  {
    name: 'ui',
    group,
    summary: 'Show runs and sets in a browser, on a page of this machine',
    args: [],
    options: [
      { name: 'port', value: 'PORT', about: 'the port of the address; without it, any free one' },
      ...connection.map((option) =>
        option.name === 'namespace'
          ? { ...option, about: 'this namespace only; without it, all that you may see' }
          : option,
      ),
    ],
    details: [
      'It prints an address of this machine with a token. The page shows what happens while it happens, with your rights; actions ask first. Ctrl-C ends it.',
    ],
    examples: ['dockerrun ui', 'ssh -L 8444:127.0.0.1:8444 server dockerrun ui --port 8444'],
    load: async () => (await import('./cluster/ui-command.ts')).uiCommand,
  },
];
