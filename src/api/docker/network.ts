import { Type } from 'typebox';
import { intOrString, mapOfText, text, texts } from './option-fields.ts';
import { mapOf } from '../keywords.ts';

/** The options of `spec.docker` about the target's network. */
export const networkOptions = {
  network: Type.Optional(
    text('The network of the node it is in, by name. The policy must allow any but bridge and none.'),
  ),
  networkMode: Type.Optional(
    text(
      'As network: bridge, none, host, container:<id> or a name. The policy must allow all but the first two.',
    ),
  ),
  networkDisabled: Type.Optional(Type.Boolean({ description: 'Whether it has no network at all.' })),
  macAddress: Type.Optional(
    text(
      'Its address on the network. The policy must allow it.',
      '^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$',
      17,
    ),
  ),
  dns: Type.Optional(texts('The addresses of its name servers.', { maxLength: 64 })),
  dnsOpt: Type.Optional(texts('Options of its resolv.conf.')),
  dnsSearch: Type.Optional(texts('The domains in which it looks up short names.')),
  extraHosts: Type.Optional(mapOfText('More names in its /etc/hosts and their addresses.')),
  links: Type.Optional(
    mapOfText('Containers of the node and the names it knows them by. The policy must allow it.'),
  ),
  ports: Type.Optional(
    mapOf(
      intOrString('A port of the node, or ip:port; several with commas; empty for any that is free.', {
        pattern: '^([0-9a-fA-F.:\\[\\]]*[0-9]+(,[0-9a-fA-F.:\\[\\]]*[0-9]+)*)?$',
        maxLength: 1024,
      }),
      {
        description:
          "The target's ports (8080/tcp) that the node publishes, and where. The policy must allow it.",
        maxProperties: 64,
      },
    ),
  ),
  publishAllPorts: Type.Optional(
    Type.Boolean({
      description: 'Whether the node publishes every port of the image. The policy must allow it.',
    }),
  ),
};
