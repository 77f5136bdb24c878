import { KmipError } from '../../wire/kmip/index.js';
import { demandKnown } from '../refusals.js';
import { quoted } from '../server/scope.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

/**
 * Marks begin and end of an interoperability test in the log; Reset removes all objects of the client's owner, where
 * the configuration lets it. KMIP 2.1 §6.1.26.
 */
export const interop: OperationHandler<'Interop'> = async ({ interopFunction, interopIdentifier }, scope) => {
  demandKnown('Interop Function', interopFunction);
  if (interopFunction === 'Reset') await reset(scope);
  const { log } = scope.server;
  log.info(
    { client: scope.client.name, function: interopFunction, test: quoted(interopIdentifier) },
    'interop',
  );
  return {};
};

async function reset(scope: RequestScope): Promise<void> {
  if (!scope.config.interopReset) {
    throw new KmipError(
      'PermissionDenied',
      'Interop Reset is switched off here; interopReset lets it happen.',
    );
  }
  for (const identifier of await scope.workspace.find(scope.client.owner, [])) {
    const object = await scope.workspace.read(identifier);
    if (object) scope.workspace.remove(object);
  }
}
