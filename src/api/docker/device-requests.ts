import { celOr } from '../cel-text.ts';
import type { DangerousParts } from './risk-kinds.ts';
import type { DockerOptions } from './options.ts';

type DeviceRequests = NonNullable<DockerOptions['deviceRequests']>;

/** What each request for devices asks for, as `gpu,utility` or, of another driver than NVIDIA's, as `driver:id,id`. */
export const eachDeviceRequest: DangerousParts<DeviceRequests> = {
  values: (requests) => requests.map(requestedDevices),
  cel: (value) => `${value}.map(one, ${celRequestedDevices('one')})`,
};

/** Another driver than NVIDIA's means other devices, whatever capabilities the request names. */
function requestedDevices(request: DeviceRequests[number]): string {
  const { driver = '', deviceIds = [], capabilities = [] } = request;
  const wanted = capabilities.flat().join(',');
  return driver === '' || driver === 'nvidia' ? wanted : `${driver}:${deviceIds.join(',') || wanted}`;
}

function celRequestedDevices(request: string): string {
  const sets = `${celOr(request, 'capabilities', '[]')}.filter(set, set.size() > 0)`;
  const wanted = `${sets}.map(set, set.join(',')).join(',')`;
  const ids = `${celOr(request, 'deviceIds', '[]')}.join(',')`;
  const driver = celOr(request, 'driver', "''");
  return `(${driver} in ['', 'nvidia'] ? ${wanted} : ${driver} + ':' + (${ids} != '' ? ${ids} : ${wanted}))`;
}
