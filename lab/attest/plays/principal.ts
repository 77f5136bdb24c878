import type { KeyAndCertificate } from '../../../core/pki/index.js';
import { signPrincipalToken } from '../../../trust-authority/client.js';
import type { StsPrincipal } from '../../../wire/attestation/index.js';
import { ownProvider } from '../own-provider.js';
import type { Mend, Play } from '../play.js';
import type { StageHost } from '../stage-host.js';
import { STAGE_GROUP } from '../stage.js';
import type { Stage } from '../stage.js';

/** The Security Token Service of a vCenter, and the user that its hosts work for. */
interface TokenService {
  readonly issuer: string;
  readonly identity: KeyAndCertificate;
  readonly principal: StsPrincipal;
}

async function tokenServiceOf(vcenter: string, { ground }: Stage): Promise<TokenService> {
  return {
    issuer: `https://${vcenter}.example/websso`,
    identity: await ground.certificates.authority.issueClient({ commonName: `${vcenter} STS` }),
    principal: { id: { name: vcenter, domain: 'vsphere.local' }, type: 'STS_USER' },
  };
}

/** Makes the key provider service trust a token service for its principal; returns the profile. */
async function registered(service: TokenService, stage: Stage, mend: Mend): Promise<string> {
  const { principals } = await stage.keyProviderService.keyProviderService();
  const profile = await principals.create({
    principal: service.principal,
    issuer: service.issuer,
    issuer_alias: service.principal.id.name,
    certificates: [{ cert_chain: [service.identity.certificatePem] }],
  });
  mend(() => principals.delete(profile));
  return profile;
}

/** A principal token for a host. */
function principalToken(service: TokenService, host: StageHost, stage: Stage): string {
  return signPrincipalToken(
    {
      issuer: service.issuer,
      certificateChainPem: service.identity.certificatePem,
      privateKeyPem: service.identity.privateKeyPem,
    },
    {
      principal: service.principal,
      serviceGroups: [STAGE_GROUP],
      hostCertificatePem: host.certificatePem,
      nowMs: stage.clock.now(),
    },
  );
}

/**
 * A provider that only the hosts of one vCenter may use. One of them gets a key; then it shows the token of another
 * vCenter, whose token service is registered or not.
 */
function ofAnotherVcenter(
  name: string,
  arrange: (other: TokenService, stage: Stage, mend: Mend) => unknown,
): Play {
  return async (stage, mend) => {
    await ownProvider(stage, name, mend);
    const { entitlements } = await stage.keyProviderService.keyProviderService();
    const entitled = await tokenServiceOf('vc-entitled', stage);
    await entitlements.set(name, [await registered(entitled, stage, mend)]);
    const host = await stage.honestHost();
    await host.mustUse(await host.newToken(), name, principalToken(entitled, host, stage));
    const other = await tokenServiceOf('vc-other', stage);
    await arrange(other, stage, mend);
    return {
      attempt: async () => host.useToken(await host.newToken(), name, principalToken(other, host, stage)),
    };
  };
}

/** Scenarios of the principals that hosts work for. */
export const PRINCIPAL_PLAYS = {
  'principal-issuer-untrusted': ofAnotherVcenter('tkp-issuer', () => undefined),
  'principal-not-entitled': ofAnotherVcenter('tkp-entitlement', registered),
} as const satisfies Record<string, Play>;
