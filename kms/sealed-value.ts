import { Sealer } from '../core/store/sealer.js';
import type { SealedValue } from './store.js';

/** A value as a backend keeps it. @param sealed what {@link Sealer.seal} made for the {@link placeOf} the object */
export function sealedValue(sealed: Uint8Array, uniqueIdentifier: string, sealer: Sealer): SealedValue {
  return {
    byteCount: Sealer.plainByteCount(sealed.length),
    open: () => sealer.open(sealed, placeOf(uniqueIdentifier)),
  };
}

/** Binds sealed material to its object. */
export function placeOf(uniqueIdentifier: string): string {
  return `kms/objects/${uniqueIdentifier}`;
}
