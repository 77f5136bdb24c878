import type { Attribute } from '../../wire/kmip/index.js';
import { makeKeyPair } from '../keys/key-pair.js';
import { linksOf } from '../objects/links.js';
import { attributeOfInstance } from '../objects/managed-object.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { demandGiven } from '../objects/new-object.js';
import { replaceObject } from '../objects/replacement.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { SHARED, keyPairAttributes, keyPairHalves, keyPairRequest } from './create-key-pair.js';
import { withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

/** Makes a replacement for a key pair. KMIP 1.4 §4.5, KMIP 2.1 §6.1.47. */
export const rekeyKeyPair: OperationHandler<'ReKeyKeyPair'> = async (payload, scope) => {
  const existing = await existingPair(payload.privateKeyUniqueIdentifier, scope);
  const given = await keyPairAttributes(payload, scope);
  const request = keyPairRequest({
    privateKey: withDefaults(given.privateKey, sharedOf(existing.privateKey, given.publicKey)),
    publicKey: withDefaults(given.publicKey, sharedOf(existing.publicKey, given.privateKey)),
  });
  const pair = await makeKeyPair(request);
  const halves = keyPairHalves(pair, request.algorithm, given, scope);
  const { offset } = payload;
  const privateKey = await replaceObject(existing.privateKey, { ...halves.privateKey, offset }, scope);
  const publicKey = await replaceObject(existing.publicKey, { ...halves.publicKey, offset }, scope);
  scope.workspace.replace(privateKey, withPairLink(privateKey, 'PublicKeyLink', publicKey));
  scope.workspace.replace(publicKey, withPairLink(publicKey, 'PrivateKeyLink', privateKey));
  const identifiers = [privateKey.uniqueIdentifier, publicKey.uniqueIdentifier] as const;
  scope.returnsPair('ReKeyKeyPair', ...identifiers);
  return { privateKeyUniqueIdentifier: identifiers[0], publicKeyUniqueIdentifier: identifiers[1] };
};

/** The private key that is named and the public key that it is linked with. @throws Refusal */
async function existingPair(
  reference: Parameters<RequestScope['object']>[0],
  scope: RequestScope,
): Promise<{ readonly privateKey: ManagedObject; readonly publicKey: ManagedObject }> {
  const privateKey = await scope.object(reference);
  if (privateKey.objectType !== 'PrivateKey') {
    throw new Refusal(
      'wrongObjectType',
      `Re-key Key Pair needs a Private Key, not a ${privateKey.objectType}.`,
    );
  }
  const linked = demandGiven(linksOf(privateKey, 'PublicKeyLink')[0], 'A Link to the Public Key of the pair');
  return { privateKey, publicKey: await scope.object(linked) };
}

/** The link to the other half comes first, as in a pair from Create Key Pair (OASIS KMIP 1.1 test case 13.3). */
function withPairLink(
  object: ManagedObject,
  type: 'PublicKeyLink' | 'PrivateKeyLink',
  other: ManagedObject,
): ManagedObject {
  const others = object.instances('Link').map(({ value }, position) => ({ index: position + 1, value }));
  const first = { index: 0, value: { type, linkedObjectIdentifier: other.uniqueIdentifier } };
  return object.withInstances('Link', [first, ...others]);
}

/** What decides which key pair is made, as the existing half has it, unless the request gives it for the other half. */
function sharedOf(object: ManagedObject, givenForOther: readonly Attribute[]): Attribute[] {
  const named = new Set<string>(givenForOther.map(({ name }) => name));
  return SHARED.filter((name) => !named.has(name)).flatMap((name) =>
    object.instances(name).map((instance) => attributeOfInstance(name, instance)),
  );
}
