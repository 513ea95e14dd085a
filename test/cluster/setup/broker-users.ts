import { createHash } from 'node:crypto';
import { endpoints } from '../network.ts';
import { ensureSecret, readSecret } from './secret-file.ts';

/** What a user of RabbitMQ may configure, write and read: regular expressions of names of queues and exchanges. */
type Rights = { readonly configure: string; readonly write: string; readonly read: string };

/** Who uses the broker. The bridge has what docs/bridge.md asks an administrator for, and nothing else. */
const rightsOf = {
  girder: { configure: '.*', write: '.*', read: '.*' },
  bridge: {
    configure: '^dockerrun@',
    write: String.raw`^(dockerrun@.*|reply\.celery\.pidbox|amq\.default|local)$`,
    read: String.raw`^(celery|celery\.pidbox|dockerrun@.*)$`,
  },
} as const satisfies Record<string, Rights>;

export type BrokerUser = keyof typeof rightsOf;

const users = Object.keys(rightsOf) as BrokerUser[];
const saltBytes = 4;

function secretName(user: BrokerUser): string {
  return `broker-${user}`;
}

/** Makes the users' passwords; keeps those that exist. */
export function ensureBrokerPasswords(): void {
  for (const user of users) ensureSecret(secretName(user));
}

/** The user's password; empty before the first `up`. */
export function brokerPassword(user: BrokerUser): string {
  return readSecret(secretName(user)) ?? '';
}

/** The address of the broker with a user's password, as Celery and amqplib read it: both slashes mean the virtual host `/`. */
export function brokerUrl(user: BrokerUser): string {
  const { host, port } = endpoints.broker;
  return `amqp://${user}:${brokerPassword(user)}@${host}:${port}//`;
}

/** RabbitMQ's hash. Its salt comes from the password, so that the same one always makes the same file. */
function passwordHash(password: string): string {
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  const bytes = Buffer.from(password);
  const salt = sha256(bytes).subarray(0, saltBytes);
  return Buffer.concat([salt, sha256(Buffer.concat([salt, bytes]))]).toString('base64');
}

/** The users and their rights, in the form in which RabbitMQ reads them at its start; `guest` does not exist then. */
export function brokerDefinitions(passwordOf: (user: BrokerUser) => string = brokerPassword): unknown {
  return {
    vhosts: [{ name: '/' }],
    users: users.map((name) => ({
      name,
      password_hash: passwordHash(passwordOf(name)),
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      // Tests look at queues and connections over HTTP as Girder's user.
      tags: name === 'girder' ? ['administrator'] : [],
      limits: {},
    })),
    permissions: users.map((user) => ({ user, vhost: '/', ...rightsOf[user] })),
  };
}
