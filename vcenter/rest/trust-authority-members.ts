import type { Request, Router } from 'express';
import express from 'express';
import * as z from 'zod';

import { VapiError, jsonBody, validate } from '../../core/http/index.js';
import { serviceGroup } from '../../wire/attestation/index.js';
import { referenceTo } from '../inventory/entities.js';
import type { TrustAuthorityConfiguration, TrustAuthorityMember } from '../inventory/entities.js';
import { chainOfPem } from '../trusted-infrastructure/chains.js';
import type { Vcenter } from '../vcenter.js';
import { restSession } from './session.js';

const PATH = '/api/kpsim/vcenter/clusters/:cluster/trust-authority';
const url = z.url({ protocol: /^https$/ }).max(1024);

const schema = z.strictObject({
  members: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(80),
        attestation: url,
        kms: url,
        trusted_CA: z
          .string()
          .min(1)
          .max(256 * 1024),
        group: serviceGroup,
      }),
    )
    .min(1)
    .max(16)
    .refine((members) => new Set(members.map(({ group }) => group)).size === 1, {
      error: 'the services of one cluster are of one group',
    })
    .refine((members) => new Set(members.map(({ name }) => name)).size === members.length, {
      error: 'each member has a name of its own',
    }),
});

/**
 * Which services stand for the hosts of a Trust Authority cluster. In vSphere they run on the cluster's hosts; kpsim's
 * host agents run none, so that they are named here before the cluster is enabled. Own choice.
 */
export function trustAuthorityMembersRouter(vcenter: Vcenter): Router {
  const router = express.Router();
  const caller = (request: Request<{ cluster: string }>, privilege: string) => {
    const { principal } = restSession(vcenter, request);
    const { cluster } = request.params;
    vcenter.authorization.demand(principal, referenceTo('ClusterComputeResource', cluster), privilege);
    return vcenter.members.cluster(cluster);
  };
  router.get(PATH, (request: Request<{ cluster: string }>, response) => {
    const { trustAuthority } = caller(request, 'TrustedAdmin.ReadTrustedHosts');
    response.json(trustAuthority ?? { state: 'DISABLE', members: [] });
  });
  router.put(PATH, jsonBody(), async (request: Request<{ cluster: string }>, response) => {
    const { moid } = caller(request, 'TrustedAdmin.ManageTrustedHosts');
    const { members } = validate(schema, request.body);
    for (const { trusted_CA: pem } of members) chainOfPem(pem);
    await vcenter.members.alone(moid, () => {
      nameMembers(vcenter, moid, members);
      return Promise.resolve();
    });
    response.status(204).end();
  });
  return router;
}

/** @throws VapiError `NOT_FOUND`, `NOT_ALLOWED_IN_CURRENT_STATE` */
function nameMembers(vcenter: Vcenter, moid: string, members: readonly TrustAuthorityMember[]): void {
  const entity = vcenter.members.cluster(moid);
  const before = entity.trustAuthority;
  if (before?.state === 'ENABLE') {
    throw new VapiError(
      'NOT_ALLOWED_IN_CURRENT_STATE',
      `${entity.name} is enabled; set its state to DISABLE before its members change.`,
    );
  }
  const current = stillCurrent(before, members);
  if (current === undefined) vcenter.providerSecrets.forgetAll(moid);
  // A change that was cut off still is, if members are left that it may have reached.
  const changing = current && before?.changing;
  vcenter.inventory.put({ ...entity, trustAuthority: { state: 'DISABLE', members, current, changing } });
}

/**
 * Names of the members that were there before and have all that was set; others are new and get it. Where none is left,
 * the cluster begins anew.
 */
function stillCurrent(
  before: TrustAuthorityConfiguration | undefined,
  members: readonly TrustAuthorityMember[],
): readonly string[] | undefined {
  const kept = before?.current?.filter((name) => {
    const [was, is] = [before.members, members].map((all) => all.find((one) => one.name === name));
    return is !== undefined && was?.kms === is.kms && was.attestation === is.attestation;
  });
  return kept && kept.length > 0 ? kept : undefined;
}
