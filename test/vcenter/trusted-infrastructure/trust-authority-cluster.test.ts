import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { packImgdb, presetBaseImage } from '../../../wire/esx-image/index.js';
import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import { makeTrustPki, startTrustAuthority } from '../../trust-authority/harness.js';
import { ADMINISTRATOR, PASSWORD } from '../site.js';
import { startAuthoritySite } from './authority-site.js';
import { ROOT } from './services.js';

let pki: TrustPki;
let first: TestTrustAuthority;
let second: TestTrustAuthority;

beforeAll(async () => {
  pki = await makeTrustPki();
  [first, second] = await Promise.all([
    startTrustAuthority(pki, { initial: {} }),
    startTrustAuthority(pki, { initial: {} }),
  ]);
});
afterAll(async () => {
  await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
});

const errorType = (type: string, status?: number) =>
  expect.objectContaining({
    ...(status !== undefined && { status }),
    body: expect.objectContaining({ error_type: type }) as unknown,
  }) as Error;

describe('a Trust Authority cluster by REST', () => {
  it('is enabled and configured on all of its members, and tells when they differ', async () => {
    const { vc, cluster } = await startAuthoritySite(pki, [first, second]);
    const path = `${ROOT}/trust-authority-clusters/${cluster}`;
    const images = `${path}/attestation/os/esx/base-images`;
    await expect(vc.client.restTask('GET', images)).rejects.toThrow(
      errorType('NOT_ALLOWED_IN_CURRENT_STATE'),
    );
    await vc.client.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await vc.client.rest('GET', path)).toEqual({ cluster, state: 'ENABLE' });
    expect(await vc.client.rest('GET', `${ROOT}/trust-authority-clusters?state=DISABLE`)).toEqual([]);

    const imgdb = await packImgdb(presetBaseImage('8.0.3'));
    const version = await vc.client.restTask(
      'POST',
      `${images}?action=import-from-imgdb`,
      imgdb.toString('base64'),
    );
    for (const { attestation } of [first, second]) {
      expect(await attestation.baseImages.list()).toMatchObject([{ version }]);
    }
    expect(await vc.client.restTask('GET', images)).toMatchObject([{ version, health: 'OK' }]);
    expect(await vc.client.restTask('GET', `${images}?version=other`)).toEqual([]);
    await expect(
      vc.client.restTask('POST', `${images}?action=import-from-imgdb`, imgdb.toString('base64')),
    ).rejects.toThrow(errorType('ALREADY_EXISTS', 400));

    const status = `${path}/attestation/service-status`;
    expect(await vc.client.restTask('GET', status)).toMatchObject({ health: 'WARNING' });
    const maker = { name: 'maker', cert_chain: { cert_chain: [pki.vendor.root.caPem] } };
    await first.attestation.caCertificates.create(maker);
    const differing = (await vc.client.restTask('GET', status)) as { details: { id: string }[] };
    expect(differing).toMatchObject({ health: 'ERROR' });
    expect(differing.details[0]?.id).toBe('kpsim.trustedInfrastructure.membersDiffer');
    await vc.client.restTask('POST', `${path}/attestation/tpm2/ca-certificates`, maker);
    expect(await vc.client.restTask('GET', status)).toEqual({ health: 'OK', details: [] });
    await expect(
      vc.client.restTask('POST', `${path}/attestation/tpm2/ca-certificates`, maker),
    ).rejects.toThrow(errorType('ALREADY_EXISTS'));

    await vc.client.restTask('DELETE', `${images}/${String(version)}`);
    expect(await second.attestation.baseImages.list()).toEqual([]);
    await expect(vc.client.restTask('GET', `${images}/${String(version)}`)).rejects.toThrow(
      errorType('NOT_FOUND', 404),
    );
    expect(await first.kms.attestationServices.list()).toHaveLength(2);
  });

  it('is changed without a member that does not answer, and says which', async () => {
    const gone = await startTrustAuthority(pki);
    const { vc, cluster } = await startAuthoritySite(pki, [first, gone]);
    const path = `${ROOT}/trust-authority-clusters/${cluster}`;
    await vc.client.restTask('PATCH', path, { state: 'ENABLE' });
    await gone[Symbol.asyncDispose]();
    await vc.client.restTask('PATCH', `${path}/attestation/tpm2/settings`, {
      require_endorsement_keys: false,
    });
    const status = (await vc.client.restTask('GET', `${path}/attestation/service-status`)) as {
      details: { default_message: string }[];
    };
    expect(status).toMatchObject({ health: 'ERROR' });
    expect(status.details.map((detail) => detail.default_message).join('\n')).toMatch(
      /while they were away: ta-2[^]*ta-2 does not answer/,
    );
    expect(await vc.client.restTask('GET', `${path}/attestation/tpm2/settings`)).toMatchObject({
      require_endorsement_keys: false,
    });
  });

  it('cannot be a trusted cluster as well, nor the other way round', async () => {
    const { vc, cluster } = await startAuthoritySite(pki, [first]);
    const service = await vc.client.rest('POST', `${ROOT}/kms/services`, {
      address: { hostname: '127.0.0.1', port: 9 },
      trusted_CA: { cert_chain: [pki.authority.caPem] },
      group: 'group-1',
      trust_authority_cluster: 'elsewhere',
    });
    const used = `${ROOT}/trusted-clusters/${cluster}/kms/services`;
    const path = `${ROOT}/trust-authority-clusters/${cluster}`;
    await vc.client.restTask('POST', used, { type: 'CLUSTER', trust_authority_cluster: 'elsewhere' });
    await expect(vc.client.restTask('PATCH', path, { state: 'ENABLE' })).rejects.toThrow(/cannot be both/);
    await vc.client.restTask('DELETE', `${used}/${String(service)}`);
    await vc.client.restTask('PATCH', path, { state: 'ENABLE' });
    await expect(vc.client.restTask('POST', used, { type: 'SERVICE', service })).rejects.toThrow(
      /cannot be both/,
    );
  });

  it('is asked for with tasks where the API has tasks, and without where it has none', async () => {
    const { vc, cluster } = await startAuthoritySite(pki, [first]);
    const path = `${ROOT}/trust-authority-clusters/${cluster}`;
    await expect(vc.client.rest('PATCH', path, { state: 'ENABLE' })).rejects.toThrow(/vmw-task=true/);
    await expect(vc.client.rest('GET', `${path}?vmw-task=true`)).rejects.toThrow(/is no task/);
    await expect(vc.client.rest('GET', `${ROOT}/principal?user=x`)).rejects.toThrow(
      errorType('INVALID_ARGUMENT', 400),
    );
    const task = await vc.client.rest('PATCH', `${path}?vmw-task=true`, { state: 'DISABLE' });
    await vc.client.restTask('PATCH', path, { state: 'DISABLE' });
    const listed = (await vc.client.rest(
      'GET',
      `/api/cis/tasks?tasks=${encodeURIComponent(String(task))}`,
    )) as object;
    expect(listed).toMatchObject({
      [String(task)]: {
        status: 'SUCCEEDED',
        operation: 'update$task',
        user: ADMINISTRATOR,
        target: { id: cluster },
      },
    });
    await expect(
      vc.client.rest('POST', `/api/cis/tasks/${encodeURIComponent(String(task))}?action=cancel`),
    ).rejects.toThrow(errorType('NOT_ALLOWED_IN_CURRENT_STATE'));
    await expect(vc.client.rest('GET', '/api/cis/tasks/none')).rejects.toThrow(errorType('NOT_FOUND', 404));
  });

  it.each([
    ['8.0.2', 200, undefined],
    ['8.0.3', 200, '@1719273600'],
    ['9.0.0', 404, undefined],
    ['6.7.0', 404, undefined],
  ])('in vCenter %s answers %i, with Deprecation %s', async (version, status, deprecation) => {
    const { vc } = await startAuthoritySite(pki, [first], { version });
    const answer = await vc.client.raw('GET', `${ROOT}/trust-authority-clusters`);
    expect([answer.status, answer.headers.deprecation]).toEqual([status, deprecation]);
  });

  it('is for those with the privilege, and tasks for those who started them', async () => {
    const reader = { name: 'reader@vsphere.local', password: PASSWORD, role: 'ReadOnly' as const };
    const administrator = { name: ADMINISTRATOR, password: PASSWORD, role: 'Admin' as const };
    const { vc, cluster, site } = await startAuthoritySite(pki, [first], { users: [administrator, reader] });
    const other = site.vcenterClient(vc.url);
    await other.login(reader.name, PASSWORD);
    const path = `${ROOT}/trust-authority-clusters/${cluster}`;
    await expect(other.restTask('PATCH', path, { state: 'ENABLE' })).rejects.toThrow(
      errorType('UNAUTHORIZED', 403),
    );
    const invalid = { state: 7, unknown: true };
    await expect(other.restTask('PATCH', path, invalid)).rejects.toThrow(errorType('UNAUTHORIZED', 403));
    await expect(vc.client.restTask('PATCH', path, invalid)).rejects.toThrow(errorType('INVALID_ARGUMENT'));
    const task = await vc.client.rest('PATCH', `${path}?vmw-task=true`, { state: 'DISABLE' });
    await expect(other.rest('GET', `/api/cis/tasks/${encodeURIComponent(String(task))}`)).rejects.toThrow(
      errorType('NOT_FOUND'),
    );
    expect(await other.rest('GET', '/api/cis/tasks')).toEqual({});
  });
});
