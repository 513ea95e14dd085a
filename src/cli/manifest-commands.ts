import type { CommandSpec } from './command-spec.ts';

const group = 'This machine';
const file = { name: 'FILE', completes: 'files' } as const;

/** The commands that read or make manifests, and ask neither a cluster nor an engine. */
export const manifestCommands: readonly CommandSpec[] = [
  {
    name: 'plan',
    group,
    summary: 'Say what the runs of a file would mount, download, stream, run and upload',
    args: [file],
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'text|json|yaml',
        about: 'the form of what is printed',
        completes: ['text', 'json', 'yaml'],
      },
    ],
    details: [
      'It asks neither a cluster nor Girder, and says what it therefore does not know. Of a DockerRunSet, it is the plan of each input. The exit code is 64 if an object is not valid.',
    ],
    examples: ['dockerrun plan segment.yaml', "dockerrun plan segment.yaml -o json | jq '.hostPaths'"],
    load: async () => {
      const { planCommand, planOptions } = await import('./offline/plan-command.ts');
      return (given, terminal) =>
        planCommand(planOptions(given.args[0] ?? '', given.text('output')), terminal);
    },
  },
  {
    name: 'convert',
    group,
    summary: 'Print the manifests of all calls of docker_run in a Python file, which is never run',
    args: [file],
    options: [
      {
        name: 'set',
        value: 'EXPRESSION=VALUE',
        isMany: true,
        about: "the value of an expression that only Python has, such as item['_id']",
      },
      {
        name: 'name',
        value: 'NAME',
        about: 'the name of the run; without it, that of the image',
      },
      {
        name: 'girder-api-url',
        value: 'URL',
        about: "the address of Girder's REST API; without it, GIRDER_API_URL or that of the call",
      },
      {
        name: 'girder-secret',
        value: 'SECRET',
        about: 'the Secret with the key for Girder; without it, girder',
      },
    ],
    details: [
      'It reads docker_run(…), docker_run.delay(…) and docker_run.apply_async(…). What is not carried over is a line of standard error, with the line of the file and what to do.',
    ],
    examples: [
      'dockerrun convert plugin.py > runs.yaml',
      'dockerrun convert plugin.py --set "item[\'_id\']=5f0c6f6e9ab2b0a1c3d4e5f6"',
    ],
    sections: [
      {
        title: 'Exit code',
        rows: [
          ['0', 'the manifests are complete'],
          ['1', 'a manifest has a value that must be replaced'],
          ['2', 'an argument or option is wrong'],
          ['64', 'a call has no manifest, or the file has no call'],
        ],
      },
    ],
    load: async () => {
      const { convertCommand, convertOptions } = await import('./offline/convert-command.ts');
      return (given, terminal) => {
        const options = {
          file: given.args[0] ?? '',
          name: given.text('name'),
          sets: given.texts('set'),
          girderApiUrl: given.text('girder-api-url'),
          girderSecret: given.text('girder-secret'),
        };
        return convertCommand(convertOptions(options, terminal.environment), terminal);
      };
    },
  },
];
