import { expect, it, onTestFinished } from 'vitest';

import { createLogger, parseTopology, startLab } from '../../lab/index.js';

const QUERY = '/api/vcenter/trusted-infrastructure/attestation/services?action=query';
const TOPOLOGY = `
trustAuthorities: [{ name: ta-1 }]
vcenters:
  - name: vc-1
    clusters: [{ name: trusted, trustAuthority: ta-1, hosts: [{ name: esx-1 }] }]
`;

it('What is deprecated is logged once when somebody uses it, and not when a lab sets itself up', async () => {
  const lines: string[] = [];
  const log = createLogger({
    name: 'lab',
    level: 'info',
    stream: { write: (line) => void lines.push(line) },
  });
  const told = (): unknown[] =>
    lines.filter((line) => line.includes('deprecated')).map((line) => JSON.parse(line) as unknown);
  const lab = await startLab(parseTopology(TOPOLOGY), { log });
  onTestFinished(() => lab.stop());
  expect(told()).toEqual([]);
  const client = await lab.vcenter('vc-1').client();
  for (let time = 0; time < 2; time += 1) expect(await client.rest('POST', QUERY, {})).toHaveLength(1);
  expect(told()).toEqual([
    expect.objectContaining({
      level: 30,
      operation: 'com.vmware.vcenter.trusted_infrastructure.attestation.services.list',
    }),
  ]);
});
