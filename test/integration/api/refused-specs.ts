export const id = '0123456789abcdef01234567';
export const girder = {
  apiUrl: 'https://data.example.org/api/v1',
  credentialsSecretRef: { name: 'girder' },
};

/** Specs by their defect, and the message that `kubectl apply` must show. */
export type RefusedSpecs = Record<string, { spec: unknown; message: RegExp }>;

/** Specs that the schema refuses, except those of volumes, transforms and hooks. */
export const refusedSpecs: RefusedSpecs = {
  'no spec': { spec: undefined, message: /spec: Required/ },
  'no image': { spec: {}, message: /spec\.image: Required/ },
  'an empty image': { spec: { image: '' }, message: /spec\.image/ },
  'a number for an image': { spec: { image: 3 }, message: /spec\.image.*string/ },
  'an unknown field': { spec: { image: 'a', imagee: 'b' }, message: /unknown field "spec\.imagee"/ },
  "a pod's field that a run has not": {
    spec: { image: 'a', hostNetwork: true },
    message: /unknown field "spec\.hostNetwork"/,
  },
  'a toleration of every taint without Exists': {
    spec: { image: 'a', tolerations: [{ operator: 'Equal', value: 'b' }] },
    message: /a toleration without a key requires the operator Exists/,
  },
  'a value of a toleration that only asks for existence': {
    spec: { image: 'a', tolerations: [{ key: 'k', operator: 'Exists', value: 'b' }] },
    message: /the operator Exists does not allow a value/,
  },
  'seconds for a taint that does not evict pods': {
    spec: { image: 'a', tolerations: [{ key: 'k', effect: 'NoSchedule', tolerationSeconds: 5 }] },
    message: /tolerationSeconds requires the effect NoExecute/,
  },
  'a label of the operator on the pod': {
    spec: { image: 'a', podMetadata: { labels: { 'dockerrun.dev/run-uid': 'b' } } },
    message: /keys of Kubernetes .* and of dockerrun\.dev cannot be set/,
  },
  'a label of the pod with a value that no label has': {
    spec: { image: 'a', podMetadata: { labels: { team: 'image analysis' } } },
    message: /spec\.podMetadata\.labels\.team.*should match/,
  },
  'an annotation with a key that is none': {
    spec: { image: 'a', podMetadata: { annotations: { 'my team/a/b': 'c' } } },
    message: /a key is a name of letters, digits/,
  },
  'an annotation with a domain that is none': {
    spec: { image: 'a', podMetadata: { annotations: { 'example..org/note': 'c' } } },
    message: /a key is a name of letters, digits/,
  },
  'a label of the pod with a domain in capitals': {
    spec: { image: 'a', podMetadata: { labels: { 'Example.org/team': 'c' } } },
    message: /spec\.podMetadata\.labels: .*a key is a name of letters, digits/,
  },
  'a label of nodes with a domain that is too long': {
    spec: { image: 'a', nodeSelector: { [`${'a'.repeat(254)}/disk`]: 'ssd' } },
    message: /spec\.nodeSelector: .*a key is a name of letters, digits/,
  },
  'a label of nodes with a key that is none': {
    spec: { image: 'a', nodeSelector: { 'disk type': 'ssd' } },
    message: /spec\.nodeSelector: .*a key is a name of letters, digits/,
  },
  'a label of nodes with a value that no label has': {
    spec: { image: 'a', nodeSelector: { disktype: '-ssd' } },
    message: /spec\.nodeSelector\.disktype.*should match/,
  },
  'a label of the Job controller on the pod': {
    spec: { image: 'a', podMetadata: { labels: { 'batch.kubernetes.io/job-name': 'b' } } },
    message: /keys of Kubernetes .* cannot be set/,
  },
  'a priority class that can have no such name': {
    spec: { image: 'a', priorityClassName: 'Very High' },
    message: /priorityClassName/,
  },
  'a transform with the name of a volume': {
    spec: {
      image: 'a',
      volumes: [{ name: 'd', bindMount: { hostPath: '/srv', containerPath: '/d' } }],
      transforms: [{ name: 'd', volumePath: { filename: 'f' } }],
    },
    message: /a transform has the name of a volume/,
  },
  'a transform in a volume that is not there': {
    spec: { image: 'a', transforms: [{ name: 'd', volumePath: { filename: 'f', volume: 'lost' } }] },
    message: /a transform refers to a volume that does not exist/,
  },
  'a pipe of a connection in a volume that is not there': {
    spec: {
      image: 'a',
      transforms: [
        {
          name: 'd',
          connect: {
            input: { namedOutputPipe: { name: 'p', volume: 'lost' } },
            output: { hostStdOut: {} },
          },
        },
      ],
    },
    message: /a transform refers to a volume that does not exist/,
  },
  'the upload of what is not there': {
    spec: {
      image: 'a',
      girder: { apiUrl: 'http://girder/api/v1', credentialsSecretRef: { name: 'girder' } },
      girderResultHooks: [
        { girderUploadVolumePathToItem: { volumePath: 'lost', itemId: '5f106f6e9ab2b0a1c3d4e5f7' } },
      ],
    },
    message: /a hook refers to a volumePath that does not exist/,
  },
  'a string for args': { spec: { image: 'a', args: 'b' }, message: /spec\.args.*array/ },
  'a number among args': { spec: { image: 'a', args: [1] }, message: /spec\.args\[0\].*string/ },
  'an unknown pull policy': {
    spec: { image: 'a', imagePullPolicy: 'Sometimes' },
    message: /imagePullPolicy/,
  },
  'a transform without a kind': {
    spec: { image: 'a', transforms: [{ name: 'x' }] },
    message: /exactly one of/,
  },
  'a transform of two kinds': {
    spec: {
      image: 'a',
      girder,
      transforms: [{ name: 'x', volumePath: { filename: 'f' }, girderFileIdToVolume: { fileId: id } }],
    },
    message: /exactly one of/,
  },
  'two transforms of one name': {
    spec: { image: 'a', transforms: ['a', 'b'].map((filename) => ({ name: 'x', volumePath: { filename } })) },
    message: /Duplicate value/,
  },
  'a transform named temporaryVolume': {
    spec: { image: 'a', transforms: [{ name: 'temporaryVolume', volumePath: { filename: 'f' } }] },
    message: /every run has/,
  },
  'a name that no argument could use': {
    spec: { image: 'a', transforms: [{ name: 'a b', volumePath: { filename: 'f' } }] },
    message: /transforms\[0\]\.name/,
  },
  'an absolute filename': {
    spec: { image: 'a', transforms: [{ name: 'x', volumePath: { filename: '/etc/passwd' } }] },
    message: /inside the volume/,
  },
  'a filename that leaves its volume': {
    spec: { image: 'a', transforms: [{ name: 'x', volumePath: { filename: 'a/../../b' } }] },
    message: /inside the volume/,
  },
  'an id that is none': {
    spec: { image: 'a', girder, transforms: [{ name: 'x', girderFileIdToVolume: { fileId: 'nosuch' } }] },
    message: /fileId/,
  },
  'Girder without credentials': {
    spec: { image: 'a', girder: { apiUrl: girder.apiUrl } },
    message: /set credentialsSecretRef, job, or both/,
  },
  'an invalid address': { spec: { image: 'a', girder: { ...girder, apiUrl: 'data' } }, message: /apiUrl/ },
  'a relative host path': {
    spec: { image: 'a', volumes: [{ name: 'x', bindMount: { hostPath: 'a', containerPath: '/a' } }] },
    message: /hostPath/,
  },
  'a host path with ..': {
    spec: {
      image: 'a',
      volumes: [{ name: 'x', bindMount: { hostPath: '/srv/../etc', containerPath: '/a' } }],
    },
    message: /without '\.'/,
  },
  'an unknown mode': {
    spec: { image: 'a', dockerVolumes: { '/a': { bind: '/b', mode: 'rx' } } },
    message: /mode/,
  },
  'a docker volume that is not a path': {
    spec: { image: 'a', dockerVolumes: { a: { bind: '/b' } } },
    message: /absolute/,
  },
  'a value and its source': {
    spec: {
      image: 'a',
      env: [{ name: 'A', value: 'b', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
    },
    message: /not both/,
  },
  'a quantity that is none': {
    spec: { image: 'a', resources: { limits: { memory: 'much' } } },
    message: /limits/,
  },
  'a resource that does not bind the target': {
    spec: { image: 'a', resources: { limits: { gpu: 1 } } },
    message: /only cpu, memory, ephemeral-storage and extended/,
  },
  'a deadline of 0': { spec: { image: 'a', activeDeadlineSeconds: 0 }, message: /activeDeadlineSeconds/ },
  'a grace of two hours': {
    spec: { image: 'a', terminationGracePeriodSeconds: 7200 },
    message: /terminationGracePeriodSeconds/,
  },
  'one pull secret twice': {
    spec: { image: 'a', imagePullSecrets: [{ name: 's' }, { name: 's' }] },
    message: /Duplicate value/,
  },
  'a network under both of its names': {
    spec: { image: 'a', docker: { network: 'bridge', networkMode: 'none' } },
    message: /network or networkMode, not both/,
  },
  'an unknown option of Docker': {
    spec: { image: 'a', docker: { shm_size: '64m' } },
    message: /unknown field "spec\.docker\.shm_size"/,
  },
  'a negative backoffLimit': { spec: { image: 'a', backoffLimit: -1 }, message: /backoffLimit/ },
};
