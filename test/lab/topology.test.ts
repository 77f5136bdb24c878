import { describe, expect, it } from 'vitest';

import { ConfigError } from '../../core/config/index.js';
import {
  BUILT_IN_TOPOLOGY_YAML,
  builtInTopology,
  hostsOf,
  parseTopology,
  topologyJsonSchema,
  topologyOf,
} from '../../lab/topology/index.js';

function problemsOf(yaml: string): readonly string[] {
  try {
    parseTopology(yaml, 't.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('the built-in topology', () => {
  it('is valid, and has what the demo needs', () => {
    const topology = builtInTopology();
    expect(topology.vcenters.map(({ name }) => name)).toEqual(['vc-east', 'vc-west']);
    expect(hostsOf(topology).map(({ spec }) => spec.name)).toEqual([
      'esx-east-1',
      'esx-east-2',
      'esx-east-t1',
      'esx-west-1',
      'esx-west-2',
      'esx-west-t1',
      'esx-west-t2',
      'esx-west-old',
      'esx-west-3',
    ]);
    expect(topology.providers.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'standard skp-1',
      'native nkp-1',
      'trusted tkp-1',
      'native nkp-east',
      'native nkp-twin',
      'native nkp-twin',
    ]);
  });

  it('has one standalone host, in the west', () => {
    const standalone = hostsOf(builtInTopology()).filter(({ cluster }) => cluster === undefined);
    expect(standalone.map(({ spec, vcenter }) => `${vcenter.name}/${spec.name}`)).toEqual([
      'vc-west/esx-west-3',
    ]);
  });

  it('stays valid when a comment or an empty line is added', () => {
    expect(parseTopology(`${BUILT_IN_TOPOLOGY_YAML}\n# mine\n`)).toEqual(builtInTopology());
  });
});

describe('a topology', () => {
  it('may be empty', () => {
    expect(parseTopology('')).toMatchObject({ name: 'lab', keyServers: [], vcenters: [], vms: [] });
  });

  it('may be written in TypeScript', () => {
    expect(topologyOf({ keyServers: [{ name: 'kms-1' }] }).keyServers[0]).toMatchObject({ port: 0 });
    expect(() => topologyOf({ keyServers: [{ name: 'KMS' }] })).toThrow(
      'topology: keyServers[0].name: is not of the form it must have; allowed: lower-case letters',
    );
  });

  it('has a JSON Schema', () => {
    expect(topologyJsonSchema()).toMatchObject({
      type: 'object',
      additionalProperties: false,
      properties: { vcenters: { type: 'array' } },
    });
  });
});

const VC = 'vcenters:\n  - name: vc-1\n';

const SITE = `keyServers: [{ name: kms-1 }]
trustAuthorities: [{ name: ta-1 }]
vcenters:
  - name: vc-1
    clusters:
      - { name: c, hosts: [{ name: esx-1 }, { name: esx-old, version: 6.0.0 }] }
      - { name: t, trustAuthority: ta-1, hosts: [{ name: esx-t }, { name: esx-bad, secureBoot: false }] }
    hosts: [{ name: esx-alone }]
providers:
  - { kind: standard, name: skp, keyServers: [kms-1], vcenters: [vc-1] }
  - { kind: native, name: nkp, madeIn: vc-1 }
  - { kind: trusted, name: tkp, trustAuthority: ta-1, keyServers: [kms-1], vcenters: [vc-1] }
`;

describe('a VM that could not be encrypted is refused before anything is started', () => {
  it.each([
    ['esx-old', 'skp', 'ESXi 6.0.0 does not encrypt virtual machines'],
    ['esx-alone', 'nkp', 'a native key provider needs a host in a cluster'],
    ['esx-1', 'tkp', 'its cluster does not attest to ta-1'],
    ['esx-bad', 'tkp', 'its attestation is to fail'],
  ])('%s with %s', (host, provider, why) => {
    const yaml = `${SITE}vms:\n  - { name: v, host: ${host}, provider: ${provider} }\n`;
    expect(() => parseTopology(yaml, 't.yaml')).toThrow(
      `vms[0].provider: ${host} cannot use ${provider}: ${why}`,
    );
  });

  it.each([
    ['esx-1', 'skp'],
    ['esx-1', 'nkp'],
    ['esx-t', 'tkp'],
  ])('but not %s with %s', (host, provider) => {
    const yaml = `${SITE}vms:\n  - { name: v, host: ${host}, provider: ${provider} }\n`;
    expect(parseTopology(yaml).vms).toHaveLength(1);
  });
});

describe('a mistake in a topology is told with its line', () => {
  it('of every kind at once, in the order of the file', () => {
    const yaml = `${SITE}vms:\n  - { name: v, host: nope, provider: zzz, disks: 3 }\n  - { name: v, host: esx-1 }\nfoo: 1\n`;
    expect(problemsOf(yaml).map((line) => line.replace(/(?:;| is not).*/, ''))).toEqual([
      't.yaml:14:22: vms[0].host: there is no "nope" here',
      't.yaml:14:38: vms[0].provider: there is no "zzz" here',
      't.yaml:14:50: vms[0].disks: is a whole number, which it may not be',
      't.yaml:15:13: vms[1].name: there is a VM named "v" already',
      't.yaml:16:1: unknown key "foo"',
    ]);
  });

  it('beside a mistyped key that must be there, and without what only follows from it', () => {
    const yaml = `${SITE.replace('madeIn', 'madeIm')
      .replace('{ name: c, hosts', '{ name: c, host')
      .replace('[kms-1]', '[kms-9]')}vms:\n  - { name: v, host: esx-1, provider: nkp }\n`;
    expect(problemsOf(yaml).map((line) => line.replace(/[;,].*/, ''))).toEqual([
      't.yaml:6:20: vcenters[0].clusters[0]: unknown key "host"',
      't.yaml:10:47: providers[0].keyServers[0]: there is no "kms-9" here',
      't.yaml:11:5: providers[1].madeIn: is missing',
      't.yaml:11:32: providers[1]: unknown key "madeIm"',
    ]);
  });

  it('of a provider, and not of the VMs that are encrypted by it', () => {
    const yaml = `${SITE.replace('madeIn: vc-1', 'madeIn: vc-est')}vms:\n  - { name: v, host: esx-1, provider: nkp }\n`;
    expect(() => parseTopology(yaml, 't.yaml')).toThrow(
      /^t\.yaml:11:40: providers\[1\]\.madeIn: there is no "vc-est" here.*$/,
    );
  });

  it.each([
    [
      'a key that is not known',
      'keyservers: []',
      't.yaml:1:1: unknown key "keyservers", did you mean "keyServers"?; allowed: name, certificateAuthority, keyServers, trustAuthorities, vcenters, providers, vms',
    ],
    [
      'a key server that is not there',
      `keyServers:\n  - name: kms-1\n${VC}providers:\n  - kind: standard\n    name: p\n    keyServers: [kms-2]\n    vcenters: [vc-1]\n`,
      't.yaml:8:18: providers[0].keyServers[0]: there is no "kms-2" here, did you mean "kms-1"?; allowed: kms-1',
    ],
    [
      'a vCenter that is not there',
      'providers:\n  - { kind: native, name: p, madeIn: vc-9 }',
      't.yaml:2:38: providers[0].madeIn: there is no "vc-9" here; allowed: nothing, for there is none in this topology',
    ],
    [
      'a Trust Authority that is not there',
      `${VC}    clusters:\n      - name: c\n        trustAuthority: ta-1\n`,
      't.yaml:5:25: vcenters[0].clusters[0].trustAuthority: there is no "ta-1" here; allowed: nothing, for there is none in this topology',
    ],
    [
      'two services of one name',
      'keyServers:\n  - name: same\nvcenters:\n  - name: same\n',
      't.yaml:4:11: vcenters[0].name: there is a service named "same" already; allowed: another name',
    ],
    [
      'a host of the same name in another vCenter',
      `${VC}    hosts: [{ name: esx-1 }]\n  - name: vc-2\n    hosts: [{ name: esx-1 }]\n`,
      't.yaml:5:21: vcenters[1].hosts[0].name: there is a service named "esx-1" already; allowed: another name',
    ],
    [
      'two services on one port',
      'keyServers:\n  - { name: a, port: 5696 }\n  - { name: b, port: 5696 }\n',
      't.yaml:3:22: keyServers[1].port: port 5696 is taken already; allowed: another port, or 0',
    ],
    [
      'a role that is not there',
      `${VC}    users: [{ name: a@b, role: Amdin }]\n`,
      't.yaml:3:32: vcenters[0].users[0].role: there is no "Amdin" here, did you mean "Admin"?; allowed: Admin, ReadOnly, NoAccess, NoCryptoAdmin, NoTrustedAdmin',
    ],
    [
      'a role of one’s own that is one of the system',
      `${VC}    roles: [{ name: Admin, privileges: [] }]\n`,
      't.yaml:3:21: vcenters[0].roles[0].name: there is a role named "Admin" already; allowed: another name',
    ],
    [
      'two providers of one name in one vCenter',
      `${VC}providers:\n  - { kind: native, name: p, madeIn: vc-1 }\n  - { kind: native, name: p, madeIn: vc-1 }\n`,
      't.yaml:5:27: providers[1].name: vc-1 has a provider of that name already; allowed: another name',
    ],
    [
      'a VM on a host that is not there',
      'vms:\n  - { name: v, host: esx-1 }',
      't.yaml:2:22: vms[0].host: there is no "esx-1" here; allowed: nothing, for there is none in this topology',
    ],
    [
      'a VM whose provider is of another vCenter',
      `${VC}    hosts: [{ name: esx-1 }]\n  - name: vc-2\nproviders:\n  - { kind: native, name: p, madeIn: vc-2 }\nvms:\n  - { name: v, host: esx-1, provider: p }\n`,
      't.yaml:8:39: vms[0].provider: there is no "p" here; allowed: nothing, for there is none in this topology',
    ],
    [
      'a VM on a datastore that is not there',
      `${VC}    hosts: [{ name: esx-1 }]\nvms:\n  - { name: v, host: esx-1, datastore: fast }\n`,
      't.yaml:5:40: vms[0].datastore: there is no "fast" here; allowed: datastore1',
    ],
    [
      'a fault of attestation that there is not',
      `${VC}    hosts: [{ name: esx-1, attestationFaults: [measured-not-loged] }]\n`,
      expect.stringMatching(
        /^t\.yaml:3:48: vcenters\[0\]\.hosts\[0\]\.attestationFaults\[0\]: there is no "measured-not-loged" here, did you mean "measured-not-logged"\?; allowed: measured-not-logged, (?:[a-z0-9-]+, ){6}[a-z0-9-]+ and \d+ more$/m,
      ),
    ],
    [
      'a VM of two makings',
      `${VC}    hosts: [{ name: esx-1 }]\nvms:\n  - { name: v, host: esx-1, directory: /a, image: /b }\n`,
      't.yaml:5:51: vms[0].image: a VM is made from a directory or from an image; allowed: one of the two',
    ],
    [
      'a kind of provider that there is not',
      'providers:\n  - { kind: magic, name: p }',
      't.yaml:2:13: providers[0].kind: may not be "magic"; allowed: standard, native, trusted',
    ],
    [
      'a name that cannot be a certificate subject',
      'keyServers: [{ name: ../etc }]',
      't.yaml:1:22: keyServers[0].name: is not of the form it must have; allowed: lower-case letters, digits and single hyphens between them',
    ],
    [
      'a version that is none',
      `${VC}    version: eight\n`,
      't.yaml:3:14: vcenters[0].version: is not of the form it must have; allowed: a version such as 8.0.3',
    ],
  ])('%s', (_what, yaml, expected) => {
    expect(problemsOf(yaml)).toEqual([expected]);
  });
});
