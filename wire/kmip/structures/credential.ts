import { anyValue, byteString, dependent, textString } from '../schema/codec.js';
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

/** KMIP 1.4 §2.1.2, Table 6. */
export const attestationCredential = structure('Credential Value', {
  nonce: required('Nonce', nonce),
  attestationType: required('AttestationType', enumeration('AttestationType')),
  attestationMeasurement: optional('AttestationMeasurement', byteString),
  attestationAssertion: optional('AttestationAssertion', byteString),
});

/** Credential Values by Credential Type; types that are not here are kept as they came. */
const CREDENTIAL_VALUES: Readonly<Record<string, Codec<unknown>>> = {
  UsernameAndPassword: usernameAndPassword,
  Device: deviceCredential,
  Attestation: attestationCredential,
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
