import type { CommandRow } from '../command.js';

/** Every command of `kpsim`, in the order in which help shows them. */
export const COMMANDS = {
  demo: {
    summary: 'encrypt VMs with three kinds of key provider, migrate them between two vCenters, prove it',
    load: async () => (await import('./demo.js')).demo,
  },
  up: {
    summary: 'start a whole lab from a topology file and print what clients need to reach it',
    load: async () => (await import('./up.js')).up,
  },
  kms: {
    summary: 'start a KMIP key server',
    load: async () => (await import('./kms.js')).kms,
  },
  'trust-authority': {
    summary: 'start an attestation service and a key provider service (vSphere Trust Authority)',
    load: async () => (await import('./trust-authority.js')).trustAuthority,
  },
  'native-kp': {
    summary: 'start a vSphere Native Key Provider service',
    load: async () => (await import('./native-kp.js')).nativeKp,
  },
  'host-agent': {
    summary: 'start an ESXi-like host with a TPM, encrypted VMs and vMotion',
    load: async () => (await import('./host-agent.js')).hostAgent,
  },
  vcenter: {
    summary: 'start a vCenter with its native key provider service',
    load: async () => (await import('./vcenter.js')).vcenter,
  },
  attest: {
    summary: 'play attestation failures by name: what is broken, and the reason that is given',
    load: async () => (await import('./attest.js')).attest,
  },
  kmip: {
    summary: 'ask a KMIP key server: create, get, locate, activate, revoke, destroy and more',
    load: async () => (await import('./kmip.js')).kmip,
  },
  certs: {
    summary: 'write a client certificate signed by the authority of a data directory',
    load: async () => (await import('./certs.js')).certs,
  },
  topology: {
    summary: 'print the built-in topology, check a topology file, or print its JSON Schema',
    load: async () => (await import('./topology.js')).topology,
  },
} as const satisfies Record<string, CommandRow>;
