import type { NameIn, RequestPayload, ResponsePayload } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

type Answer = Omit<ResponsePayload<'PKCS_11'>, 'function' | 'interface'>;
type FunctionRow = (request: RequestPayload<'PKCS_11'>, scope: RequestScope) => Answer;

/** The only interface: that of PKCS #11 itself. */
const INTERFACE = 'PKCS 11';
/** Version of PKCS #11 whose functions are performed. */
const CRYPTOKI_VERSION = Buffer.from([2, 40]);

/** The functions that are performed; all others that PKCS #11 has answer CKR_FUNCTION_NOT_SUPPORTED. */
const FUNCTIONS: Partial<Record<NameIn<'PKCS_11Function'>, FunctionRow>> = {
  C_Initialize: (_request, { client, server }) => ({
    correlationValue: server.cryptoki.initialize(client),
    returnCode: 'OK',
  }),
  C_GetInfo: initialised((_request, scope) => ({ outputParameters: information(scope), returnCode: 'OK' })),
  C_Finalize: initialised(({ correlationValue }, { client, server }) => {
    if (correlationValue) server.cryptoki.finalize(client, correlationValue);
    return { returnCode: 'OK' };
  }),
};

/** Calls of PKCS #11 functions. KMIP 2.1 §6.1.37. */
export const pkcs11: OperationHandler<'PKCS_11'> = (request, scope) => {
  if (request.interface !== undefined && request.interface !== INTERFACE) {
    throw new KmipError('PKCS_11InvalidInterface', `The only interface is '${INTERFACE}', the default.`);
  }
  const { function: called } = request;
  if (typeof called !== 'string') {
    throw new KmipError(
      'PKCS_11InvalidFunction',
      'There is no such function. Number it as CK_FUNCTION_LIST_3_0 does, from 1.',
    );
  }
  const row = FUNCTIONS[called] ?? initialised(() => ({ returnCode: 'FUNCTION_NOT_SUPPORTED' }));
  return { interface: request.interface, function: called, ...row(request, scope) };
};

/** A function that an application calls between C_Initialize and C_Finalize. */
function initialised(row: FunctionRow): FunctionRow {
  return (request, scope) =>
    scope.server.cryptoki.isInitialised(scope.client, request.correlationValue)
      ? row(request, scope)
      : { returnCode: 'CRYPTOKI_NOT_INITIALIZED' };
}

/** CK_INFO: version, manufacturer, flags (64 bits, big-endian), description, version of the library. */
function information({ config }: RequestScope): Buffer {
  const { productName, serverVersion } = config.serverInformation;
  const [major = 0, minor = 0] = serverVersion.split('.').map((part) => Number.parseInt(part, 10) & 0xff);
  return Buffer.concat([
    CRYPTOKI_VERSION,
    padded(config.vendorIdentification),
    Buffer.alloc(8),
    padded(productName),
    Buffer.from([major, minor]),
  ]);
}

/** 32 bytes of UTF-8, filled up with blanks. */
function padded(text: string): Buffer {
  const bytes = Buffer.alloc(32, ' ');
  bytes.write(text, 'utf8');
  return bytes;
}
