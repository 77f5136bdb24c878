import type { RequestScope } from '../server/scope.js';
import type { ManagedObject } from './managed-object.js';

/**
 * Notes that an object was served: it is fresh no more (KMIP 1.4 §3.34). Only the first time anything is written, and
 * that as a note: a Get is a read, and must be answered also where nothing can be written, as on a full disk. Then the
 * object stays Fresh and the next Get tries again; the worst of it is that Locate names it once more as a fresh member
 * of its group.
 */
export function noteServed(object: ManagedObject, scope: RequestScope): void {
  if (object.get('Fresh') !== true) return;
  scope.workspace.note(object, object.with({ Fresh: false }));
}
