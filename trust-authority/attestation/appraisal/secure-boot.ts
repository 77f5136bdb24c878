import {
  EFI_GLOBAL_VARIABLE_GUID,
  EFI_IMAGE_SECURITY_DATABASE_GUID,
  decodeUefiVariable,
} from '../../../wire/tpm2/index.js';
import type { UefiVariable } from '../../../wire/tpm2/index.js';
import { allEventsOf, eventText } from './event-profile.js';
import type { JudgedEvent } from './event-profile.js';
import type { Material } from './material.js';

/** Secure Boot variables in the order in which firmware measures them (PC Client PFP §3.3.4.8). */
const VARIABLES = [
  { name: 'SecureBoot', vendorGuid: EFI_GLOBAL_VARIABLE_GUID },
  { name: 'PK', vendorGuid: EFI_GLOBAL_VARIABLE_GUID },
  { name: 'KEK', vendorGuid: EFI_GLOBAL_VARIABLE_GUID },
  { name: 'db', vendorGuid: EFI_IMAGE_SECURITY_DATABASE_GUID },
  { name: 'dbx', vendorGuid: EFI_IMAGE_SECURITY_DATABASE_GUID },
] as const;

const SECURE_BOOT_PCR = 7;
/** Data of a separator that does not report an error. */
const SEPARATOR = Buffer.alloc(4);

/** The Secure Boot policy as PCR 7 has it. */
export interface SecureBootPolicy {
  /** Value of the variable SecureBoot where it was first measured. */
  readonly secureBoot: Buffer | undefined;
  /** What is wrong with how the policy is logged. */
  readonly problem: string | undefined;
}

/** By list of events, which belongs to a log: steps and documents all ask. */
const policies = new WeakMap<readonly JudgedEvent[], SecureBootPolicy>();

/** Reads the policy out of the log; undefined if there is no log. */
export function secureBootOf(material: Material): SecureBootPolicy | undefined {
  const all = allEventsOf(material);
  if (!all) return undefined;
  const known = policies.get(all);
  if (known) return known;
  const events = all.filter(({ pcr }) => pcr === SECURE_BOOT_PCR);
  const first = events.map(variableOf).find((variable) => variable?.name === 'SecureBoot');
  const policy = { secureBoot: first?.data, problem: problemOf(events) };
  policies.set(all, policy);
  return policy;
}

function problemOf(events: readonly JudgedEvent[]): string | undefined {
  let next = 0;
  let separated = false;
  for (const event of events) {
    if (event.type === 'EV_SEPARATOR') {
      if (separated) return `${eventText(event)} is a second separator`;
      if (!event.data.equals(SEPARATOR)) return `${eventText(event)} reports an error`;
      separated = true;
    } else if (event.type === 'EV_EFI_VARIABLE_DRIVER_CONFIG') {
      const variable = variableOf(event);
      const expected = VARIABLES[next];
      if (!variable) return `${eventText(event)} is not a variable`;
      if (separated) return `${variable.name.slice(0, 64)} is logged after the separator`;
      if (variable.name !== expected?.name || variable.vendorGuid !== expected.vendorGuid) {
        return `${variable.name.slice(0, 64)} is logged where ${expected?.name ?? 'the separator'} belongs`;
      }
      next += 1;
    } else if (event.type === 'EV_EFI_VARIABLE_AUTHORITY' && !separated) {
      return `${eventText(event)} comes before the separator`;
    }
  }
  const missing = VARIABLES[next];
  if (missing) return `${missing.name} is not logged`;
  return separated ? undefined : 'there is no separator';
}

/** The UEFI variable that an event measures; undefined if it measures none. */
export function variableOf(event: JudgedEvent): UefiVariable | undefined {
  if (event.type !== 'EV_EFI_VARIABLE_DRIVER_CONFIG') return undefined;
  try {
    return decodeUefiVariable(event.data);
  } catch {
    return undefined; // the caller reports an event that is no variable
  }
}
