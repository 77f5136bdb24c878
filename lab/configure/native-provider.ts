import { KpsimError } from '../../core/errors.js';
import type { VcenterClient } from '../../vcenter/client.js';
import type { Ground } from '../ground.js';
import type { LabVcenter } from '../services/vcenter.js';
import { isKnown } from './standard-provider.js';

const PROVIDERS = '/api/vcenter/crypto-manager/kms/providers';

/** A backup of a native key provider. */
export interface ProviderBackup {
  /** PKCS #12. */
  readonly bytes: Buffer;
  readonly password: string;
}

/** What `POST …?action=export` answers. */
interface ExportResult {
  readonly location: {
    readonly url: string;
    readonly download_token: { readonly token: string };
  };
}

/**
 * Makes a native key provider in one vCenter, takes its backup, and imports it into the others, all through their
 * front doors as an administrator would.
 */
export async function configureNativeProvider(
  provider: { readonly name: string; readonly tpmRequired: boolean; readonly default: boolean },
  madeIn: LabVcenter,
  importedBy: readonly LabVcenter[],
  ground: Ground,
): Promise<void> {
  const { name, tpmRequired } = provider;
  const client = await madeIn.client();
  if (!(await isKnown(client, name))) {
    await client.rest('POST', PROVIDERS, { provider: name, constraints: { tpm_required: tpmRequired } });
  }
  const password = ground.state.password(`${madeIn.name}/${name}`);
  const backup = { bytes: await downloadBackup(client, name, password), password };
  for (const vcenter of importedBy) await importBackup(vcenter, name, backup, tpmRequired);
  if (!provider.default) return;
  for (const vcenter of [madeIn, ...importedBy]) {
    await (
      await vcenter.client()
    ).invoke('CryptoManagerKmip', 'CryptoManager', 'MarkDefault', {
      clusterId: { _typeName: 'KeyProviderId', id: name },
    });
  }
}

/** Exports a provider and downloads the file, which makes it usable (EXT-2). */
export async function downloadBackup(
  client: VcenterClient,
  provider: string,
  password: string,
): Promise<Buffer> {
  const exported = await client.rest('POST', `${PROVIDERS}?action=export`, { provider, password });
  const { location } = exported as ExportResult;
  const { pathname, search } = new URL(location.url);
  const answer = await client.raw('GET', pathname + search, undefined, {
    authorization: `Bearer ${location.download_token.token}`,
  });
  if (answer.status === 200) return answer.body;
  throw new KpsimError(
    'backup_failed',
    `The backup of ${provider} could not be downloaded from ${client.baseUrl}: status ${answer.status}.`,
  );
}

async function importBackup(
  vcenter: LabVcenter,
  provider: string,
  { bytes, password }: ProviderBackup,
  tpmRequired: boolean,
): Promise<void> {
  const client = await vcenter.client();
  if (await isKnown(client, provider)) return;
  await client.rest('POST', `${PROVIDERS}?action=import`, {
    config: bytes.toString('base64'),
    password,
    constraints: { tpm_required: tpmRequired },
  });
}
