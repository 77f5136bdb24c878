/**
 * The limit that the key server is compared with: mutual TLS in Node and nothing else. It reads requests of a known
 * size without looking at them and answers each with the same bytes, in one write.
 *
 * Arguments: request bytes, response (hex), PEM files of CA, certificate and key. Prints its port.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';

const [requestBytes = '0', responseHex = '', caPath = '', certificatePath = '', privateKeyPath = ''] =
  process.argv.slice(2);
const size = Number(requestBytes);
const response = Buffer.from(responseHex, 'hex');

const server = createServer({
  ca: readFileSync(caPath),
  cert: readFileSync(certificatePath),
  key: readFileSync(privateKeyPath),
  minVersion: 'TLSv1.2',
  requestCert: true,
  rejectUnauthorized: true,
});
server.on('secureConnection', (socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    for (received += chunk.length; received >= size; received -= size) socket.write(response);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`Ready. ${(server.address() as AddressInfo).port}\n`);
});
