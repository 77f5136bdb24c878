import { parseCertificate } from '../../../core/pki/index.js';
import { x509 } from '../../../core/pki/x509.js';
import { networkAddressOf } from '../../../wire/attestation/index.js';
import type { LabTrustAuthority } from '../../services/trust-authority.js';
import { documentOf } from '../exchange.js';
import { withoutBaseImages } from './service.js';
import { passTime } from '../play.js';
import type { Mend, Play } from '../play.js';
import { startRogueIssuer } from '../rogue-issuer.js';
import type { StageHost } from '../stage-host.js';
import { STAGE_GROUP, TOKEN_LIFE_SECONDS } from '../stage.js';
import type { Stage } from '../stage.js';
import { macUnderPublicKey, signedByOwnKey, unknownKeyId, unsigned, withKeyId } from '../token-forge.js';
import type { KeyHeader } from '../token-forge.js';

/** Key provider services overlook this much difference of clocks; a default of theirs. */
const LEEWAY_MS = 60_000;
/** Key provider services believe a signing certificate for so long; a default of theirs. */
const CERTIFICATE_LIFE_MS = 300_000;
const SECOND_MS = 1000;

/** What is shown instead of a token. */
type Spoil = (token: string, stage: Stage, host: StageHost) => Promise<string> | string;

/** A client that always spoils its tokens: attesting again gives it another one to spoil. */
function alwaysSpoiled(spoil: Spoil): Play {
  return async (stage) => {
    const host = await stage.honestHost();
    return { attempt: async () => host.useToken(await spoil(await host.newToken(), stage, host)) };
  };
}

/** One token is spoiled; the next one that the host gets is shown as it is. */
function onceSpoiled(spoil: Spoil): Play {
  return async (stage) => {
    const host = await stage.honestHost();
    let spoiled = false;
    return {
      attempt: async () => {
        const token = await host.newToken();
        if (spoiled) return host.useToken(token);
        spoiled = true;
        return host.useToken(await spoil(token, stage, host));
      },
    };
  };
}

/** A host shows its first token after something has happened, and new ones from then on. */
function keptWhile(happens: (stage: Stage, mend: Mend) => Promise<void> | void): Play {
  return async (stage, mend) => {
    const host = await stage.honestHost();
    let kept: string | undefined = await host.newToken();
    // It is a good one, and the key provider service has seen it.
    await host.mustUse(kept);
    await happens(stage, mend);
    return {
      attempt: async () => {
        const token = kept ?? (await host.newToken());
        kept = undefined;
        return host.useToken(token);
      },
    };
  };
}

/** A host attests to one service, and shows what it got to the key provider service. */
function issuedBy(arrange: (stage: Stage, mend: Mend) => Promise<LabTrustAuthority>): Play {
  return async (stage, mend) => {
    const authority = await arrange(stage, mend);
    const host = await stage.honestHost();
    mend(() => host.attestTo(stage.attestationServices));
    await host.attestTo([stage.serviceOf(authority)]);
    return { attempt: async () => host.useToken(await host.newToken(authority.group)) };
  };
}

function secondServiceAhead(byMs: number): Play {
  return issuedBy((stage, mend) => {
    stage.secondClock.advance(byMs);
    mend(() => {
      stage.secondClock.reset();
    });
    return Promise.resolve(stage.second);
  });
}

async function publicKeyOf(authority: LabTrustAuthority): Promise<string> {
  const { cert_chain } = await (await authority.attestation()).certificate.get();
  const [signer = ''] = cert_chain;
  return parseCertificate(signer).publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

async function rotateSigningCertificate({ first, ground }: Stage): Promise<void> {
  const { certificate } = await first.attestation();
  const request = new x509.Pkcs10CertificateRequest((await certificate.createCsr()).csr);
  const publicKey = await request.publicKey.export();
  const issued = ground.certificates.authority.issueFor(publicKey, { commonName: 'signer' });
  await certificate.replace({ cert_chain: [issued.toString()] });
}

function keyInHeader(name: KeyHeader): Play {
  return onceSpoiled((token) => signedByOwnKey(token, name));
}

/** Scenarios of tokens: real ones, spoiled, kept or lent, shown to the real key provider service over TLS. */
export const TOKEN_PLAYS = {
  'token-alg-none': alwaysSpoiled(unsigned),
  'token-hs256-public-key': alwaysSpoiled(async (token, stage) =>
    macUnderPublicKey(token, await publicKeyOf(stage.first)),
  ),
  'token-kid-unknown': onceSpoiled((token) => withKeyId(token, unknownKeyId())),
  'token-kid-path': onceSpoiled((token) => withKeyId(token, '../../../../etc/kpsim/signing-key.pem')),
  'token-header-jwk': keyInHeader('jwk'),
  'token-header-jku': keyInHeader('jku'),
  'token-header-x5c': keyInHeader('x5c'),
  'token-expired': keptWhile((stage, mend) => {
    passTime(stage, mend, TOKEN_LIFE_SECONDS * SECOND_MS + LEEWAY_MS + SECOND_MS);
  }),
  'token-expired-within-leeway': keptWhile((stage, mend) => {
    passTime(stage, mend, TOKEN_LIFE_SECONDS * SECOND_MS + LEEWAY_MS / 2);
  }),
  'token-not-yet-valid': secondServiceAhead(2 * LEEWAY_MS),
  'token-early-within-leeway': secondServiceAhead(LEEWAY_MS / 2),
  'token-of-another-group': issuedBy(async (stage, mend) => {
    const other = await stage.furtherAuthority(mend, 'group-2');
    mend(await stage.register(networkAddressOf(other.attestationEndpoint.url), other.group));
    return other;
  }),
  'token-of-another-issuer': issuedBy((stage, mend) => stage.furtherAuthority(mend, STAGE_GROUP)),
  'token-for-another-audience': async (stage, mend) => {
    const rogue = await startRogueIssuer(stage);
    mend(() => rogue.close());
    mend(await stage.register(rogue.address, STAGE_GROUP));
    const host = await stage.honestHost();
    return {
      attempt: async () =>
        host.useToken(await rogue.sign(await host.newToken(), { aud: 'kpsim:kms:group-2' })),
    };
  },
  'token-reporting': alwaysSpoiled((_token, stage, host) =>
    documentOf('REPORTING_JWT', host.attestationClient(stage.first), host.evidence),
  ),
  'token-of-another-host': async (stage, mend) => {
    const [thief, victim] = [await stage.bootHost(), await stage.honestHost()];
    mend(() => stage.shutDown(thief));
    return { attempt: async () => thief.useToken(await victim.newToken()) };
  },
  'signing-certificate-rotated': keptWhile(async (stage, mend) => {
    await rotateSigningCertificate(stage);
    passTime(stage, mend, CERTIFICATE_LIFE_MS + SECOND_MS);
  }),
  'policy-changed-after-issue': async (stage, mend) => {
    const host = await stage.honestHost();
    const token = await host.newToken();
    await withoutBaseImages(stage, mend);
    return {
      attempt: async () => {
        // The policy has really changed, as a new attestation shows.
        const anew = await host.attest();
        if (anew.outcome === 'passes') throw new Error('a host attested to services that trust no image');
        return host.useToken(token);
      },
    };
  },
} as const satisfies Record<string, Play>;
