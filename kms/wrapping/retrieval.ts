import type { Promised } from '../../core/promised.js';
import type { ManagedObjectValue, RequestPayload } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { inFormat } from '../keys/key-block.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { pkcs12Of } from '../objects/pkcs12.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { methodOf } from './methods.js';
import { unwrapped, wrapped } from './wrap.js';
import { clearUnwrapped, inFormOf, isWrapped } from './wrapped-form.js';

/** In which form an object is to leave: the fields that Get and Export share. */
export type RetrievalForm = Pick<
  RequestPayload<'Get'>,
  'keyFormatType' | 'keyWrapType' | 'keyCompressionType' | 'keyWrappingSpecification'
>;

/**
 * The object itself as a request wants it. What is asked for as it is stored is the stored value itself.
 *
 * @throws Refusal `objectDestroyed`, KmipError `Sensitive`, `NotExtractable`, and what KMIP 1.4 §11.12 lists
 */
export function retrieved(
  object: ManagedObject,
  form: RetrievalForm,
  scope: RequestScope,
): Promised<ManagedObjectValue> {
  const value = demandRetrievable(object, form);
  return asStored(form) ? value : inForm(object, value, form, scope);
}

/** Whether the object leaves as it is stored. */
function asStored({
  keyFormatType,
  keyWrapType,
  keyCompressionType,
  keyWrappingSpecification,
}: RetrievalForm) {
  return (
    keyFormatType === undefined &&
    keyWrapType === undefined &&
    keyCompressionType === undefined &&
    keyWrappingSpecification === undefined
  );
}

async function inForm(
  object: ManagedObject,
  value: ManagedObjectValue,
  form: RetrievalForm,
  scope: RequestScope,
): Promise<ManagedObjectValue> {
  const { keyFormatType, keyCompressionType, keyWrappingSpecification } = form;
  const opened = isWrapped(value) && leavesOpened(form) ? await unwrapped(value, scope) : value;
  const converted =
    keyFormatType === 'PKCS_12'
      ? await pkcs12Of(object, scope)
      : inFormat(opened, keyFormatType, keyCompressionType);
  if (!keyWrappingSpecification) {
    // The answer is made of these bytes; they are cleared once it is encoded.
    if (opened !== value) scope.effects.whenDone(() => clearUnwrapped(value, opened));
    return converted;
  }
  try {
    return inFormOf(value, await wrapped(object, converted, keyWrappingSpecification, scope));
  } finally {
    clearUnwrapped(value, opened);
  }
}

/** Whether a key that was registered wrapped is unwrapped first; otherwise it leaves as registered. */
function leavesOpened({ keyWrapType, keyWrappingSpecification }: RetrievalForm): boolean {
  return keyWrapType === 'NotWrapped' || keyWrappingSpecification !== undefined;
}

function demandRetrievable(object: ManagedObject, form: RetrievalForm): ManagedObjectValue {
  const { value, uniqueIdentifier } = object;
  if (!value) {
    throw new Refusal(
      'objectDestroyed',
      `Object ${uniqueIdentifier} is destroyed; only its attributes are left.`,
    );
  }
  demandWrapType(form);
  if (object.get('Extractable') === false) {
    throw new KmipError('NotExtractable', `Object ${uniqueIdentifier} is not extractable.`);
  }
  if (object.get('Sensitive') === true && !leavesEncrypted(value, form)) {
    throw new KmipError(
      'Sensitive',
      `Object ${uniqueIdentifier} is sensitive and leaves the server wrapped only. Give a Key Wrapping Specification that encrypts.`,
    );
  }
  return value;
}

function demandWrapType({ keyWrapType, keyWrappingSpecification }: RetrievalForm): void {
  if (typeof keyWrapType === 'number') {
    throw new Refusal('keyWrapTypeNotSupported', 'The Key Wrap Type is none of the specification.');
  }
  if (keyWrapType !== undefined && keyWrappingSpecification !== undefined) {
    throw new KmipError(
      'InvalidField',
      'Key Wrap Type and Key Wrapping Specification exclude each other. Give one of them.',
    );
  }
}

function leavesEncrypted(value: ManagedObjectValue, form: RetrievalForm): boolean {
  if (form.keyWrappingSpecification) return methodOf(form.keyWrappingSpecification.wrappingMethod).encrypts;
  return form.keyWrapType !== 'NotWrapped' && isWrapped(value) && isEncrypted(value);
}

function isEncrypted(value: ManagedObjectValue): boolean {
  const data = 'keyBlock' in value ? value.keyBlock.keyWrappingData : undefined;
  return data !== undefined && methodOf(data.wrappingMethod).encrypts;
}
