import { anyValue, byteString, dateTimeExtended, dependent, textString } from '../schema/codec.js';
import type { Codec, ValueOf } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { optional, repeated, required, structure } from '../schema/structure.js';
import { nonce } from './base.js';

/** KMIP 1.4 §2.1.2, Table 4. */
export const usernameAndPassword = structure('Credential Value', {
  username: required('Username', textString),
  password: optional('Password', textString),
});
/** A {@link usernameAndPassword}. */
export type UsernameAndPassword = ValueOf<typeof usernameAndPassword>;

/** KMIP 1.4 §2.1.2, Table 5. */
export const deviceCredential = structure('Credential Value', {
  deviceSerialNumber: optional('DeviceSerialNumber', textString),
  password: optional('Password', textString),
  deviceIdentifier: optional('DeviceIdentifier', textString),
  networkIdentifier: optional('NetworkIdentifier', textString),
  machineIdentifier: optional('MachineIdentifier', textString),
  mediaIdentifier: optional('MediaIdentifier', textString),
});

/** A {@link deviceCredential}. */
export type DeviceCredential = ValueOf<typeof deviceCredential>;

/** KMIP 1.4 §2.1.2, Table 6. */
export const attestationCredential = structure('Credential Value', {
  nonce: required('Nonce', nonce),
  attestationType: required('AttestationType', enumeration('AttestationType')),
  attestationMeasurement: optional('AttestationMeasurement', byteString),
  attestationAssertion: optional('AttestationAssertion', byteString),
});
/** An {@link attestationCredential}. */
export type AttestationCredential = ValueOf<typeof attestationCredential>;

/** KMIP 2.1 §9.11, Table 414. */
export const oneTimePassword = structure('Credential Value', {
  username: required('Username', textString),
  password: optional('Password', textString),
  oneTimePassword: required('OneTimePassword', textString),
});

/** KMIP 2.1 §9.11, Table 415. */
export const hashedPassword = structure('Credential Value', {
  username: required('Username', textString),
  timestamp: required('TimeStamp', dateTimeExtended),
  hashingAlgorithm: optional('HashingAlgorithm', enumeration('HashingAlgorithm')),
  hashedPassword: required('HashedPassword', byteString),
});
/** A {@link hashedPassword}. */
export type HashedPassword = ValueOf<typeof hashedPassword>;

/** KMIP 2.1 §7.39. */
export const ticket = structure('Ticket', {
  type: required('TicketType', enumeration('TicketType')),
  value: required('TicketValue', byteString),
});
/** A {@link ticket}. */
export type Ticket = ValueOf<typeof ticket>;

/** KMIP 2.1 §9.11, Table 416. */
export const ticketCredential = structure('Credential Value', { ticket: required('Ticket', ticket) });

/** Credential Values by Credential Type; types that are not here are kept as they came. */
const CREDENTIAL_VALUES: Readonly<Record<string, Codec<unknown>>> = {
  UsernameAndPassword: usernameAndPassword,
  Device: deviceCredential,
  Attestation: attestationCredential,
  OneTimePassword: oneTimePassword,
  HashedPassword: hashedPassword,
  Ticket: ticketCredential,
};

/** KMIP 1.4 §2.1.2; the value's shape follows the type. */
export const credential = structure('Credential', {
  type: required('CredentialType', enumeration('CredentialType')),
  value: required(
    'CredentialValue',
    dependent<unknown>(
      (siblings) => CREDENTIAL_VALUES[String(siblings.type)] ?? (anyValue as Codec<unknown>),
    ),
  ),
});
/** A {@link credential}. */
export type Credential = ValueOf<typeof credential>;

/** KMIP 1.4 §6.6. From 1.2 on several credentials may be given. */
export const authentication = structure('Authentication', {
  credentials: repeated('Credential', credential),
});
