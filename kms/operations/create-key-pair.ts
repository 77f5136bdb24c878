import type { KeyObject } from 'node:crypto';

import type { Attribute, ManagedObjectValue, TemplateAttribute } from '../../wire/kmip/index.js';
import { RANK_2_0, attributeOf, attributeTextOf } from '../../wire/kmip/index.js';
import { sameValue } from '../attributes/changes.js';
import { attributeRule } from '../attributes/rules.js';
import { keyBlockOf } from '../keys/key-block.js';
import { defaultFormatOf, encodedFormatOf, keyFacts } from '../keys/key-facts.js';
import type { KeyPair, KeyPairRequest } from '../keys/key-pair.js';
import { makeKeyPair } from '../keys/key-pair.js';
import { withLink } from '../objects/links.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { givenValue, withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

/** Makes a key pair. KMIP 1.4 §4.2, KMIP 2.1 §6.1.9. */
export const createKeyPair: OperationHandler<'CreateKeyPair'> = async (payload, scope) => {
  const given = await keyPairAttributes(payload, scope);
  demandGiven(
    givenValue(given.privateKey, 'CryptographicUsageMask'),
    'Cryptographic Usage Mask of the private key',
  );
  demandGiven(
    givenValue(given.publicKey, 'CryptographicUsageMask'),
    'Cryptographic Usage Mask of the public key',
  );
  const request = keyPairRequest(given);
  const pair = await makeKeyPair(request);
  const halves = keyPairHalves(pair, request.algorithm, given, scope);

  const origin = { madeHere: true };
  const privateKey = await newObject(
    'PrivateKey',
    halves.privateKey.value,
    halves.privateKey.given,
    origin,
    scope,
  );
  scope.workspace.add(privateKey);
  // Added one after the other, so that a Name given for both is refused for the second.
  const publicKey = await newObject(
    'PublicKey',
    halves.publicKey.value,
    halves.publicKey.given,
    origin,
    scope,
  );
  scope.workspace.add(withLink(publicKey, 'PrivateKeyLink', privateKey.uniqueIdentifier));
  scope.workspace.replace(privateKey, withLink(privateKey, 'PublicKeyLink', publicKey.uniqueIdentifier));
  const identifiers = [privateKey.uniqueIdentifier, publicKey.uniqueIdentifier] as const;
  scope.returnsPair('CreateKeyPair', ...identifiers);
  return { privateKeyUniqueIdentifier: identifiers[0], publicKeyUniqueIdentifier: identifiers[1] };
};

/** Something for each half of a key pair. */
export interface Halves<T> {
  readonly privateKey: T;
  readonly publicKey: T;
}

/** What a request says about a key pair, in the form of 1.x or of 2.x. */
export interface KeyPairAttributes {
  readonly commonTemplateAttribute?: TemplateAttribute | undefined;
  readonly privateKeyTemplateAttribute?: TemplateAttribute | undefined;
  readonly publicKeyTemplateAttribute?: TemplateAttribute | undefined;
  readonly commonAttributes?: readonly Attribute[] | undefined;
  readonly privateKeyAttributes?: readonly Attribute[] | undefined;
  readonly publicKeyAttributes?: readonly Attribute[] | undefined;
}

/** The attributes of each half: its own before the common ones, and of multi-instance ones the union. */
export async function keyPairAttributes(
  payload: KeyPairAttributes,
  scope: RequestScope,
): Promise<Halves<readonly Attribute[]>> {
  const [common, ofPrivate, ofPublic] = await Promise.all([
    requestedAttributes(
      { templateAttribute: payload.commonTemplateAttribute, attributes: payload.commonAttributes },
      scope,
    ),
    requestedAttributes(
      { templateAttribute: payload.privateKeyTemplateAttribute, attributes: payload.privateKeyAttributes },
      scope,
    ),
    requestedAttributes(
      { templateAttribute: payload.publicKeyTemplateAttribute, attributes: payload.publicKeyAttributes },
      scope,
    ),
  ]);
  return { privateKey: precedence(ofPrivate, common), publicKey: precedence(ofPublic, common) };
}

/** Attributes that are the same for both halves (KMIP 1.4 §4.2, Table 168). */
export const SHARED = [
  'CryptographicAlgorithm',
  'CryptographicLength',
  'CryptographicDomainParameters',
] as const;

/** The key pair that the attributes of its halves ask for. @throws Refusal `attributeMissing`, `attributeValueInvalid` */
export function keyPairRequest(given: Halves<readonly Attribute[]>): KeyPairRequest {
  for (const name of SHARED) {
    const [left, right] = [givenValue(given.privateKey, name), givenValue(given.publicKey, name)];
    if (left === undefined || right === undefined || sameValue(name, left, right)) continue;
    throw new Refusal(
      'attributeValueInvalid',
      `Both halves have one ${attributeTextOf(name)}. Give it once, for both.`,
    );
  }
  const both = [...given.privateKey, ...given.publicKey];
  const domain = givenValue(both, 'CryptographicDomainParameters');
  return {
    algorithm: demandGiven(givenValue(both, 'CryptographicAlgorithm'), 'Cryptographic Algorithm'),
    lengthBits: givenValue(both, 'CryptographicLength'),
    recommendedCurve: domain?.recommendedCurve,
    qLength: domain?.qLength,
  };
}

/** The objects that a new key pair is kept as, and their attributes: those given, and what the keys tell. */
export function keyPairHalves(
  pair: KeyPair,
  algorithm: KeyPairRequest['algorithm'],
  given: Halves<readonly Attribute[]>,
  scope: RequestScope,
): Halves<{ readonly value: ManagedObjectValue; readonly given: readonly Attribute[] }> {
  const half = (objectType: 'PrivateKey' | 'PublicKey', key: KeyObject, attributes: readonly Attribute[]) => {
    const format = givenValue(attributes, 'KeyFormatType') ?? formatFor(key, scope);
    const keyBlock = keyBlockOf(key, format, { cryptographicAlgorithm: algorithm });
    return { value: { objectType, keyBlock }, given: withDefaults(attributes, foundIn(key, algorithm)) };
  };
  return {
    privateKey: half('PrivateKey', pair.privateKey, given.privateKey),
    publicKey: half('PublicKey', pair.publicKey, given.publicKey),
  };
}

/** KMIP 1.x names no defaults; keys made in it are encoded ones, which every version has. */
function formatFor(key: KeyObject, scope: RequestScope) {
  return scope.rank >= RANK_2_0 ? defaultFormatOf(key) : encodedFormatOf(key);
}

function foundIn(key: KeyObject, algorithm: KeyPairRequest['algorithm']): Attribute[] {
  const { lengthBits, recommendedCurve, qLength } = keyFacts(key);
  const found = [
    attributeOf('CryptographicAlgorithm', algorithm),
    attributeOf('CryptographicLength', lengthBits),
  ];
  return recommendedCurve === undefined && qLength === undefined
    ? found
    : [...found, attributeOf('CryptographicDomainParameters', { recommendedCurve, qLength })];
}

/** A half's own attributes before the common ones (KMIP 1.4 §4.2). */
function precedence(own: readonly Attribute[], common: readonly Attribute[]): Attribute[] {
  const named = new Set<string>(own.map(({ name }) => name));
  return [...common.filter(({ name }) => attributeRule(name)?.multiple === true || !named.has(name)), ...own];
}
