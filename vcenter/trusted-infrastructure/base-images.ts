import { VapiError } from '../../core/http/index.js';
import type { BaseImageSummary } from '../../trust-authority/client.js';
import { MAX_IMGDB_BYTES } from '../../wire/esx-image/index.js';
import {
  blob,
  dateTime,
  id,
  list,
  localizableMessage,
  optional,
  string,
  structure,
  voidType,
} from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { PACKAGE, cluster, health, onCluster, task } from './types.js';

const SERVICE = 'trust_authority_clusters.attestation.os.esx.base_images';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/attestation/os/esx/base-images';

/** `…/attestation/os/esx/base-images`: what hosts may boot; images are named by their version. */
export function baseImageOperations({ members }: Vcenter): readonly VapiOperation[] {
  const common = { service: SERVICE, object: onCluster };
  const images = (moid: string): Promise<readonly BaseImageSummary[]> =>
    members.read(moid, ({ attestation }) => attestation.baseImages.list());
  return [
    task({
      ...common,
      operation: 'import_from_imgdb',
      method: 'POST',
      path: PATH,
      action: 'import-from-imgdb',
      body: 'imgdb',
      maxBodyBytes: Math.ceil(MAX_IMGDB_BYTES / 3) * 4 + 4096,
      privilege: 'TrustedAdmin.ConfigureHostMetadata',
      input: { cluster, imgdb: blob(MAX_IMGDB_BYTES) },
      output: id,
      run: async ({ input, signal }) => {
        const known = new Set((await images(input.cluster)).map(({ image }) => image));
        const bytes = Buffer.from(input.imgdb, 'base64');
        const image = await members.change(input.cluster, 'update', signal, ({ attestation }) =>
          attestation.baseImages.importFromImgdb(bytes),
        );
        if (known.has(image)) {
          throw new VapiError('ALREADY_EXISTS', 'This base image is trusted already.');
        }
        return (await members.read(input.cluster, ({ attestation }) => attestation.baseImages.get(image)))
          .version;
      },
    }),
    task({
      ...common,
      operation: 'list',
      method: 'GET',
      path: PATH,
      privilege: 'TrustedAdmin.RetrieveHostMetadata',
      input: {
        cluster,
        spec: optional(
          structure(`${NAME}.filter_spec`, {
            version: optional(list(id)),
            display_name: optional(list(string())),
            health: optional(list(health)),
          }),
        ),
      },
      output: list(structure(`${NAME}.summary`, { version: id, display_name: string(), health }), 4000),
      run: async ({ input: { cluster: moid, spec } }) =>
        (await images(moid))
          .map(({ version, display_name }) => ({ version, display_name, health: 'OK' as const }))
          .filter(
            (row) =>
              (!spec?.version || spec.version.includes(row.version)) &&
              (!spec?.display_name || spec.display_name.includes(row.display_name)) &&
              (!spec?.health || spec.health.includes(row.health)),
          ),
    }),
    task({
      ...common,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:version`,
      privilege: 'TrustedAdmin.RetrieveHostMetadata',
      input: { cluster, version: id },
      output: structure(`${NAME}.info`, {
        display_name: string(),
        last_attested_time: optional(dateTime),
        health,
        details: list(localizableMessage),
      }),
      run: async ({ input }) => {
        const image = (await images(input.cluster)).find(({ version }) => version === input.version);
        if (!image) throw noSuchImage(input.version);
        return { display_name: image.display_name, health: 'OK' as const, details: [] };
      },
    }),
    task({
      ...common,
      operation: 'delete',
      method: 'DELETE',
      path: `${PATH}/:version`,
      privilege: 'TrustedAdmin.ConfigureHostMetadata',
      input: { cluster, version: id },
      output: voidType,
      run: async ({ input, signal }) => {
        await members.change(input.cluster, 'delete', signal, async ({ attestation }) => {
          const found = (await attestation.baseImages.list()).filter(
            ({ version }) => version === input.version,
          );
          if (found.length === 0) throw noSuchImage(input.version);
          for (const { image } of found) await attestation.baseImages.delete(image);
        });
      },
    }),
  ];
}

function noSuchImage(version: string): VapiError {
  return new VapiError(
    'NOT_FOUND',
    `There is no base image of the version ${JSON.stringify(version.slice(0, 80))}; list them to see which there are.`,
  );
}
