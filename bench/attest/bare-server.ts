/**
 * The limit that attestation and key release are compared with: HTTP over mutual TLS in Node and nothing else. It reads
 * each request whole without looking at it, and answers what is ready for its path, `/0`, `/1` and so on.
 *
 * Arguments: a JSON file with the answers, PEM files of CA, certificate and key. Prints its address.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

const [answersPath = '', caPath = '', certificatePath = '', privateKeyPath = ''] = process.argv.slice(2);
const answers = JSON.parse(readFileSync(answersPath, 'utf8')) as readonly string[];

const server = createServer(
  {
    ca: readFileSync(caPath),
    cert: readFileSync(certificatePath),
    key: readFileSync(privateKeyPath),
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: true,
    keepAliveTimeout: 60_000,
  },
  (request, response) => {
    request.resume();
    request.on('end', () => {
      const text = answers[Number(request.url?.slice(1))] ?? '';
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      response.writeHead(200, headers).end(text);
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`Ready. bare https://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
