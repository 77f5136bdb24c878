import { boolean, list, optional, structure, voidType } from '../../wire/vapi/index.js';
import { localizableMessage } from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { PACKAGE, cluster, health, onCluster, task } from './types.js';

const SERVICE = 'trust_authority_clusters.attestation.tpm2.settings';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/attestation/tpm2/settings';

/** `…/attestation/tpm2/settings`: what is demanded of endorsement keys. */
export function attestationSettingsOperations({ members }: Vcenter): readonly VapiOperation[] {
  return [
    task({
      service: SERVICE,
      operation: 'get',
      method: 'GET',
      path: PATH,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      object: onCluster,
      input: { cluster },
      output: structure(`${NAME}.info`, {
        require_endorsement_keys: boolean,
        require_certificate_validation: boolean,
        health,
        details: list(localizableMessage),
      }),
      run: async ({ input }) => {
        const settings = await members.read(input.cluster, ({ attestation }) => attestation.settings.get());
        return { ...settings, health: 'OK' as const, details: [] };
      },
    }),
    task({
      service: SERVICE,
      operation: 'update',
      method: 'PATCH',
      path: PATH,
      body: 'spec',
      privilege: 'TrustedAdmin.ManageTrustedHosts',
      object: onCluster,
      input: {
        cluster,
        spec: structure(`${NAME}.update_spec`, {
          require_endorsement_keys: optional(boolean),
          require_certificate_validation: optional(boolean),
        }),
      },
      output: voidType,
      run: ({ input: { cluster: moid, spec }, signal }) => {
        const set = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
        return members.change(moid, 'update', signal, ({ attestation }) => attestation.settings.update(set));
      },
    }),
  ];
}
