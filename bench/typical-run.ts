/** The spec of a typical run: a download, some arguments and variables, an upload. */
export const typicalSpec = {
  image: 'registry.example.org/lab/segment:1.4.2',
  command: ['python', '/app/main.py'],
  args: ['--in=$(ct)', '--out=$(mask)', '--model=unet', '--threads=4'],
  env: Array.from({ length: 8 }, (_, index) => ({ name: `SETTING_${index}`, value: `value ${index}` })),
  resources: { requests: { cpu: '2', memory: '4Gi' }, limits: { memory: '8Gi' } },
  transforms: [
    { name: 'ct', girderFileIdToVolume: { fileId: '5f0c3b2a1d4e5f6a7b8c9d0e' } },
    { name: 'mask', volumePath: { filename: 'mask.nrrd' } },
  ],
  girderResultHooks: [
    { girderUploadVolumePathToItem: { volumePath: 'mask', itemId: '5f0c3b2a1d4e5f6a7b8c9d0f' } },
  ],
  girder: {
    apiUrl: 'https://data.example.org/api/v1',
    credentialsSecretRef: { name: 'girder' },
  },
  nodeSelector: { 'dockerrun.dev/docker': 'true' },
};
