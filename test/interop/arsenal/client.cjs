'use strict';

/*
 * The KMIP client of @scality/arsenal against a cluster of key servers. Arguments: the unpacked package, then JSON
 * { servers: [{ host, port }], tls: { ca, cert, key } } with the texts of PEM files. Prints one JSON object.
 */

const { randomBytes } = require('node:crypto');
const { join } = require('node:path');
const { promisify } = require('node:util');

const [arsenal, options] = [process.argv[2], JSON.parse(process.argv[3])];
const { default: ClusterClient } = require(join(arsenal, 'build/lib/network/kmip/ClusterClient.js'));

const warnings = [];
const quiet = () => undefined;
const logger = {
  debug: quiet,
  trace: quiet,
  info: quiet,
  warn: (text) => warnings.push(text),
  error: (text) => warnings.push(text),
};

const client = new ClusterClient({
  logger,
  kmip: {
    providerName: 'kpsim',
    client: { bucketNameAttributeName: 'x-bucket' },
    codec: {},
    transport: options.servers.map(({ host, port }) => ({
      pipelineDepth: 8,
      tls: { host, port, ...options.tls },
    })),
  },
});
const call = (name, ...args) =>
  promisify((callback) => client[name](...args, logger, (error, ...results) => callback(error, results)))();

async function main() {
  await call('healthcheck');
  const [key] = await call('createBucketKey', 'my-bucket');
  const plain = randomBytes(100);
  const [cipher] = await call('cipherDataKey', 1, key, plain);
  const [again] = await call('decipherDataKey', 1, key, cipher);
  // several at once, over one connection
  const many = await Promise.all(
    Array.from({ length: 32 }, async () => {
      const text = randomBytes(32);
      const [sealed] = await call('cipherDataKey', 1, key, text);
      const [opened] = await call('decipherDataKey', 1, key, sealed);
      return text.equals(opened);
    }),
  );
  const [later] = await call('createBucketKey', 'another-bucket');
  await call('destroyBucketKey', later);
  const gone = await call('cipherDataKey', 1, later, plain).then(
    () => 'still there',
    (error) => error.description ?? String(error),
  );
  console.log(
    JSON.stringify({
      key,
      same: plain.equals(again),
      hidden: !plain.equals(cipher),
      many: many.every(Boolean),
      gone,
      warnings,
    }),
  );
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
