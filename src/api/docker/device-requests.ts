import type { DockerOptions } from './options.ts';

type DeviceRequests = NonNullable<DockerOptions['deviceRequests']>;

/** What each request for devices asks for, as `gpu,utility` or, of another driver than NVIDIA's, as `driver:id,id`. */
export function eachDeviceRequest(requests: DeviceRequests): string[] {
  return requests.map(requestedDevices);
}

/** Another driver than NVIDIA's means other devices, whatever capabilities the request names. */
function requestedDevices(request: DeviceRequests[number]): string {
  const { driver = '', deviceIds = [], capabilities = [] } = request;
  const wanted = capabilities.flat().join(',');
  return driver === '' || driver === 'nvidia' ? wanted : `${driver}:${deviceIds.join(',') || wanted}`;
}
