import { KmipError } from '../../wire/kmip/index.js';
import type { EnumerationValue, ManagedObjectValue } from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

/** Hands out an object, in any state but destroyed. KMIP 1.4 §4.11. */
export const get: OperationHandler<'Get'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  if (payload.keyWrappingSpecification) {
    throw new Refusal(
      'keyWrapTypeNotSupported',
      'This server hands out keys in plain only, over mutual TLS.',
    );
  }
  if (payload.keyCompressionType !== undefined) {
    throw new KmipError(
      'KeyCompressionTypeNotSupported',
      'Keys are handed out as they are stored. Leave it out.',
    );
  }
  const value = demandRetrievable(object);
  if (object.get('Fresh') === true) {
    // An object is fresh until it has been served (KMIP 1.4 §3.34).
    scope.workspace.replace(object, object.with({ Fresh: false }));
  }
  return {
    objectType: object.objectType,
    uniqueIdentifier: object.uniqueIdentifier,
    object: payload.keyFormatType === undefined ? value : inFormat(value, payload.keyFormatType),
  };
};

/** The object itself. @throws Refusal `objectDestroyed`, KmipError `Sensitive` or `NotExtractable` */
function demandRetrievable(object: ManagedObject): ManagedObjectValue {
  if (!object.value) {
    throw new Refusal(
      'objectDestroyed',
      `Object ${object.uniqueIdentifier} is destroyed; only its attributes are left.`,
    );
  }
  if (object.get('Sensitive') === true) {
    throw new KmipError(
      'Sensitive',
      `Object ${object.uniqueIdentifier} is sensitive and leaves the server wrapped only.`,
    );
  }
  if (object.get('Extractable') === false) {
    throw new KmipError('NotExtractable', `Object ${object.uniqueIdentifier} is not extractable.`);
  }
  return object.value;
}

/** The object in another Key Format Type, where that is the same bytes in other clothes. @throws KmipError */
function inFormat(value: ManagedObjectValue, format: EnumerationValue<'KeyFormatType'>): ManagedObjectValue {
  if (!('keyBlock' in value)) {
    if (value.objectType === 'Certificate' && format === 'X_509') return value;
    throw unsupportedFormat(value, format);
  }
  const { keyBlock } = value;
  if (keyBlock.keyFormatType === format) return value;
  const keyValue = keyBlock.keyValue;
  if (value.objectType !== 'SymmetricKey' || keyValue === undefined || Buffer.isBuffer(keyValue)) {
    throw unsupportedFormat(value, format);
  }
  const material = keyValue.keyMaterial;
  if (format === 'TransparentSymmetricKey' && Buffer.isBuffer(material)) {
    const transparent = { ...keyValue, keyMaterial: { key: material } };
    return { ...value, keyBlock: { ...keyBlock, keyFormatType: format, keyValue: transparent } };
  }
  if (format === 'Raw' && !Buffer.isBuffer(material) && Buffer.isBuffer(material.key)) {
    const raw = { ...keyValue, keyMaterial: material.key };
    return { ...value, keyBlock: { ...keyBlock, keyFormatType: format, keyValue: raw } };
  }
  throw unsupportedFormat(value, format);
}

function unsupportedFormat(value: ManagedObjectValue, format: EnumerationValue<'KeyFormatType'>): KmipError {
  return new KmipError(
    'KeyFormatTypeNotSupported',
    `This ${value.objectType} is not available as ${format}. Leave Key Format Type out to get it as it is stored.`,
  );
}
