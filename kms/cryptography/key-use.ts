import { KmipError } from '../../wire/kmip/index.js';
import type {
  CryptographicParameters,
  EnumerationValue,
  IdentifierReference,
} from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';
import type { RequestScope } from '../server/scope.js';
import { unwrapped } from '../wrapping/wrap.js';
import { clearUnwrapped } from '../wrapping/wrapped-form.js';
import type { UsableObject, UseName } from './uses.js';
import { demandUsable } from './uses.js';

export type { UsableObject, UseName } from './uses.js';

/**
 * The object that a cryptographic operation uses, if the client may use it so (`demandUsable`). A key registered wrapped
 * is given unwrapped, and cleared with the request: to change the object, read it from the workspace.
 *
 * @throws Refusal `objectNotFound`, `wrongState`, `incompatibleUsageMask`
 * @throws KmipError `ObjectArchived`, `KeyValueNotPresent`; what unwrapping throws
 */
export async function usableObject(
  reference: IdentifierReference | undefined,
  use: UseName,
  scope: RequestScope,
): Promise<UsableObject> {
  const object: ManagedObject = await scope.object(reference);
  demandUsable(object, use, scope);
  const plain = await unwrapped(object.value, scope);
  if (plain === object.value) return object;
  scope.effects.whenDone(() => clearUnwrapped(object.value, plain));
  return object.withValue(plain);
}

/** Parameters and algorithm that an operation works with. */
export interface EffectiveParameters {
  readonly parameters: CryptographicParameters;
  readonly algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined;
}

/**
 * The Cryptographic Parameters of the request, or if it gives none those of the object with the lowest index (KMIP 1.4
 * §4.29). The algorithm is the one they name, or that of the object.
 */
export function effectiveParameters(
  given: CryptographicParameters | undefined,
  object: ManagedObject,
): EffectiveParameters {
  const parameters = given ?? object.get('CryptographicParameters') ?? {};
  const own = object.get('CryptographicAlgorithm');
  const algorithm = parameters.cryptographicAlgorithm ?? own;
  if (algorithm === 'OneTimePad' && own !== 'OneTimePad') {
    // It would give the key itself out, as what zeros are encrypted to.
    throw new KmipError(
      'CryptographicFailure',
      `Only a key made as a one-time pad is used as one; this is ${own ?? 'none'}.`,
    );
  }
  return { parameters, algorithm };
}
