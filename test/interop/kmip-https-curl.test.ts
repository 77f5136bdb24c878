import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { makePki, startKms } from '../kms/harness.js';
import type { TestKms } from '../kms/harness.js';
import { describeWith, runs } from './requires.js';

/* Judges: curl, with a TLS client of its own, and the XML and JSON parsers of Python. */

const programs = (['curl', 'python3'] as const).map((name) => ({
  name,
  found: runs(name, '--version'),
  install: `apt-get install ${name}`,
}));

const run = promisify(execFile);

const HEADER = {
  xml: '<ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/><ProtocolVersionMinor type="Integer" value="4"/></ProtocolVersion><BatchCount type="Integer" value="1"/>',
  json: '{"tag":"ProtocolVersion","value":[{"tag":"ProtocolVersionMajor","type":"Integer","value":1},{"tag":"ProtocolVersionMinor","type":"Integer","value":"0x00000004"}]},{"tag":"BatchCount","type":"Integer","value":1}',
};
const CREATE_XML = `<?xml version="1.0" encoding="UTF-8"?>
<RequestMessage>
  <RequestHeader>${HEADER.xml}</RequestHeader>
  <BatchItem>
    <Operation type="Enumeration" value="Create"/>
    <RequestPayload>
      <ObjectType type="Enumeration" value="SymmetricKey"/>
      <TemplateAttribute>
        <Attribute><AttributeName type="TextString" value="Cryptographic Algorithm"/><AttributeValue type="Enumeration" value="AES"/></Attribute>
        <Attribute><AttributeName type="TextString" value="Cryptographic Length"/><AttributeValue type="Integer" value="256"/></Attribute>
        <Attribute><AttributeName type="TextString" value="Cryptographic Usage Mask"/><AttributeValue type="Integer" value="Encrypt Decrypt"/></Attribute>
        <Attribute><AttributeName type="TextString" value="x-Note"/><AttributeValue type="TextString" value="&lt;&#10;\u{1f511}&amp;&quot;"/></Attribute>
      </TemplateAttribute>
    </RequestPayload>
  </BatchItem>
</RequestMessage>`;
const getJson = (id: string): string =>
  `{"tag":"RequestMessage","value":[{"tag":"RequestHeader","value":[${HEADER.json}]},{"tag":"BatchItem","value":[{"tag":"Operation","type":"Enumeration","value":"GetAttributes"},{"tag":"RequestPayload","value":[{"tag":"UniqueIdentifier","type":"TextString","value":"${id}"}]}]}]}`;

const READ_XML = `
import sys, xml.etree.ElementTree as tree
message = tree.fromstring(sys.argv[1])
print(message.tag, message.find("BatchItem/ResultStatus").get("value"), message.find(".//UniqueIdentifier").get("value"))
`;
const READ_JSON = `
import sys, json
def find(item, tag): return [inner for inner in item["value"] if inner["tag"] == tag]
message = json.loads(sys.argv[1])
payload = find(find(message, "BatchItem")[0], "ResponsePayload")[0]
attributes = {find(a, "AttributeName")[0]["value"]: find(a, "AttributeValue")[0]["value"] for a in find(payload, "Attribute")}
print(json.dumps([attributes[name] for name in ("Cryptographic Usage Mask", "State", "x-Note")]))
`;

describeWith(programs, 'KMIP over HTTPS', () => {
  let directory: string;
  let kms: TestKms;
  beforeAll(async () => {
    const pki = await makePki();
    directory = await mkdtemp(join(tmpdir(), 'kpsim-curl-'));
    await writeFile(join(directory, 'ca.pem'), pki.authority.caPem);
    await writeFile(join(directory, 'client.pem'), pki.east.certificatePem + pki.east.privateKeyPem, {
      mode: 0o600,
    });
    kms = await startKms(pki, { https: { port: 0 } });
  });
  afterAll(async () => {
    await kms[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function post(contentType: string, body: string): Promise<string> {
    const { stdout } = await run('curl', [
      ...['--silent', '--show-error', '--fail', '--max-time', '10'],
      ...['--cacert', join(directory, 'ca.pem'), '--cert', join(directory, 'client.pem')],
      ...['--header', `content-type: ${contentType}`, '--data-binary', body],
      `https://127.0.0.1:${kms.httpsPort}/kmip`,
    ]);
    return stdout;
  }

  test('is spoken with curl and read by Python, in XML and in JSON', async () => {
    const made = await run('python3', ['-c', READ_XML, await post('text/xml', CREATE_XML)]);
    const [message, status, id = ''] = made.stdout.trim().split(' ');
    expect([message, status]).toEqual(['ResponseMessage', 'Success']);
    const got = await run('python3', ['-c', READ_JSON, await post('application/json', getJson(id))]);
    expect(JSON.parse(got.stdout)).toEqual(['Encrypt|Decrypt', 'PreActive', '<\n\u{1f511}&"']);
  });
});
