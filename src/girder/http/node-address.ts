import { BlockList } from 'node:net';

/** IPv4 networks of the node itself, and the addresses at which clouds give out credentials. */
const networks = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  // Alibaba's, Azure's and Oracle's metadata services are at these.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
] as const;

/** How an IPv6 address holds an IPv4 one in its last 32 bits: NAT64 (RFC 6052, RFC 8215) and SIIT (RFC 2765). */
const translations = ['64:ff9b::', '64:ff9b:1::', '::ffff:0:'] as const;

/** The metadata services of AWS, Google and Scaleway have these in networks that are private otherwise. */
const metadata = ['fd00:ec2::254', 'fd20:ce::254', 'fd00:42::42'] as const;

const blocked = blockList();

/**
 * True for a literal address (an IPv6 one without brackets) of the node itself or of a cloud's metadata service, in
 * whatever form. Private networks are none of these: object stores are often there.
 */
export function isNodeAddress(address: string, family: 4 | 6): boolean {
  return blocked.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function blockList(): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) {
    // These hold for IPv4-mapped IPv6 addresses as well.
    list.addSubnet(address, prefix, 'ipv4');
    const groups = asGroups(address);
    for (const before of translations) list.addSubnet(`${before}${groups}`, 96 + prefix, 'ipv6');
    // 6to4 (RFC 3056) has it in front.
    list.addSubnet(`2002:${groups}::`, 16 + prefix, 'ipv6');
  }
  // Loopback, "this host", and IPv4-compatible addresses, which nobody uses any more (RFC 4291).
  list.addSubnet('::', 96, 'ipv6');
  list.addSubnet('fe80::', 10, 'ipv6');
  for (const address of metadata) list.addAddress(address, 'ipv6');
  return list;
}

function asGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
