import type { CommandSpec } from './command-spec.ts';

const file = { name: 'FILE', completes: 'files' } as const;

const envFileOption = {
  name: 'env-file',
  value: 'FILE',
  about: 'read lines NAME=value for the variables below that are not set',
  completes: 'files',
} as const;

const runSections = [
  {
    title: 'Exit code',
    rows: [
      ['0', 'the run succeeded'],
      ["the target's", 'the target ended by itself with another code, or ran out of memory'],
      ['2', 'an argument or option is wrong'],
      [
        '64 to 72',
        'the run failed for another reason, even if the target was stopped for it: 64 invalid run, 65 download, 66 Docker Engine, 67 upload or stream, 68 internal error, 69 target, 70 deadline, 71 and 72 cancelled',
      ],
      ['74', 'some inputs of a DockerRunSet failed; the others have their results'],
      ['129, 130, 143', 'SIGHUP, Ctrl-C or SIGTERM stopped the run'],
    ],
  },
  {
    title: 'Environment',
    rows: [
      [
        'GIRDER_API_KEY, GIRDER_TOKEN',
        'credentials for Girder, if FILE has no Secret for spec.girder.credentialsSecretRef',
      ],
      [
        'DOCKERRUN_SECRET_<SECRET>_<KEY>',
        'a key of any other Secret that FILE does not contain: the key API_KEY of the Secret my-secret is DOCKERRUN_SECRET_MY_SECRET_API_KEY',
      ],
      [
        'DOCKERRUN_GIRDER_REDIRECTS',
        'origins, such as http://minio.example.internal:9000, to which Girder may redirect although they are not encrypted, or are addresses of this machine',
      ],
      [
        'DOCKER_HOST, DOCKER_CONTEXT',
        'the Docker Engine, as for the docker command: a socket, ssh://, or tcp:// with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH',
      ],
      ['TMPDIR', 'the directory for temporary volumes, if the Docker Engine is on this machine'],
    ],
  },
] as const;

/** The commands that need no cluster. */
export const localCommands: readonly CommandSpec[] = [
  {
    name: 'run',
    group: 'This machine',
    summary: 'Run a DockerRun, or the first inputs of a DockerRunSet, on the local Docker Engine',
    args: [file],
    options: [
      {
        name: 'input',
        short: 'i',
        value: 'NAME=PATH',
        isMany: true,
        about: 'use a file or directory of this machine for the transform NAME, not data of Girder',
        completes: 'files',
      },
      {
        name: 'output',
        short: 'o',
        value: 'NAME=PATH',
        isMany: true,
        about: 'copy the result of the transform NAME to PATH, and do not upload it to Girder',
        completes: 'files',
      },
      {
        name: 'limit',
        short: 'l',
        value: 'N',
        about: 'run at most N inputs of a DockerRunSet (3 without this option, at most 100)',
      },
      {
        name: 'name',
        short: 'n',
        value: 'NAME',
        about: 'run the DockerRun or DockerRunSet with this name, if FILE contains several',
      },
      { name: 'quiet', short: 'q', about: 'print errors only' },
      envFileOption,
      {
        name: 'remote',
        about: 'the Docker Engine shares no files with this machine, although its address is a socket here',
      },
      {
        name: 'worker-image',
        value: 'IMAGE',
        about:
          'the image with Node for the helper container of such an engine (node:24-slim without this option)',
      },
      {
        name: 'engine-socket',
        value: 'PATH',
        about: 'the socket of such an engine on its own machine (/var/run/docker.sock without this option)',
      },
    ],
    details: [
      'FILE is YAML or JSON; - reads standard input. The run uses the Secrets in FILE. Documents of other kinds are ignored. Of a DockerRunSet in FILE, it runs the first inputs that have to run.',
      'Where --input and --output take the place of all data in Girder, no Girder is needed, and no ids in FILE.',
      'With an engine on another machine, or in the virtual machine of Docker Desktop on a Mac or Windows, the run is carried out by a helper container beside the target.',
      'The output of the target goes to standard output and standard error. Lines of dockerrun itself go to standard error and start with "dockerrun: ". Ctrl-C stops the target and removes everything; a second Ctrl-C kills the target.',
    ],
    examples: [
      'dockerrun run segment.yaml',
      'dockerrun run segment.yaml --input picture=./coins.png --output mask=./out/',
      'DOCKER_HOST=ssh://me@server dockerrun run segment.yaml',
    ],
    sections: runSections,
    load: async () => (await import('./remote/engine-choice.ts')).runOnEngine,
  },
  {
    name: 'validate',
    group: 'This machine',
    summary: 'Check every DockerRun and DockerRunSet of files as kubectl apply would',
    args: [{ ...file, isMany: true }],
    options: [],
    details: [
      'It needs neither a cluster nor a Docker Engine, and does not know the DockerRunPolicy of the cluster. The exit code is 64 if an object is not valid.',
    ],
    examples: ['dockerrun validate runs/*.yaml'],
    load: async () => {
      const { validateCommand } = await import('./offline/validate-command.ts');
      return ({ args }, terminal) => validateCommand({ files: args }, terminal);
    },
  },
  {
    name: 'doctor',
    group: 'This machine',
    summary: 'Say whether the cluster, the Docker Engine and Girder can be used, and what to do',
    args: [],
    options: [envFileOption],
    details: [
      'The exit code is 1 if something does not work. What nobody named, and is not there, is skipped; a cluster or an engine must be there.',
    ],
    sections: [
      {
        title: 'Environment',
        rows: [
          ['GIRDER_API_URL', 'the Girder that is checked'],
          ['GIRDER_API_KEY, GIRDER_TOKEN', 'the API key or the token for it; the key counts if both are set'],
          ['DOCKER_HOST, DOCKER_CONTEXT', 'the Docker Engine for dockerrun run, as for the docker command'],
        ],
      },
    ],
    load: async () => {
      const { doctorCommand } = await import('./doctor/doctor-command.ts');
      return doctorCommand;
    },
  },
];
