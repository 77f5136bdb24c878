import { list, string, structure } from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { chainOfPem } from './chains.js';
import { PACKAGE, plain, stsPrincipal, x509CertChain } from './types.js';

/** `principal`: who signs for this vCenter's hosts, to be registered with a Trust Authority as a consumer principal. */
export function principalOperations({ sts }: Vcenter): readonly VapiOperation[] {
  return [
    plain({
      service: 'principal',
      operation: 'get',
      method: 'GET',
      path: 'principal',
      privilege: 'TrustedAdmin.ReadStsInfo',
      input: {},
      output: structure(`${PACKAGE}.principal.info`, {
        certificates: list(x509CertChain),
        issuer: string(),
        principal: stsPrincipal,
        name: string(),
      }),
      run: async () => {
        const { certificatePem } = await sts.key();
        const { id } = sts.principal;
        return {
          certificates: [chainOfPem(certificatePem)],
          issuer: sts.issuer,
          principal: sts.principal,
          name: `${id.name}@${id.domain}`,
        };
      },
    }),
  ];
}
