import { SocketAddress, isIPv4 } from 'node:net';

/** Whether a host is given by its address. `net.isIPv6` would compile a kilobyte of regular expression, at every start. */
export function isAddress(host: string): boolean {
  if (!host.includes(':')) return isIPv4(host);
  try {
    return new SocketAddress({ address: host, family: 'ipv6' }).family === 'ipv6';
  } catch {
    return false;
  }
}

/** An address as certificates hold it: 4 or 16 bytes, in network order. @throws Error if it is none */
export function addressBytes(address: string): Buffer {
  if (!isAddress(address)) throw new Error(`${address} is no IP address`);
  return isIPv4(address) ? ipv4Bytes(address) : ipv6Bytes(address);
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** `::` stands for as many zeros as are missing (RFC 4291 §2.2). */
function ipv6Bytes(address: string): Buffer {
  const [before = Buffer.alloc(0), after = Buffer.alloc(0)] = address.split('::').map(groupBytes);
  const zeros = Buffer.alloc(16 - before.length - after.length);
  return Buffer.concat([before, zeros, after]);
}

function groupBytes(groups: string): Buffer {
  if (groups === '') return Buffer.alloc(0);
  const bytes = groups
    .split(':')
    .map((group) => (group.includes('.') ? ipv4Bytes(group) : Buffer.from(group.padStart(4, '0'), 'hex')));
  return Buffer.concat(bytes);
}
