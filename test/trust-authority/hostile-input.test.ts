import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KpsimError } from '../../core/errors.js';
import { createLogger } from '../../core/logging.js';
import { x509 } from '../../core/pki/x509.js';
import { PresentedIdentities } from '../../trust-authority/attestation/endorsement-key.js';
import { readTrustAnchor } from '../../trust-authority/attestation/trust-anchors.js';
import type { TrustAnchor } from '../../trust-authority/attestation/trust-anchors.js';
import { AttestationError, encodeContext } from '../../wire/attestation/index.js';
import type { EvidenceContext } from '../../wire/attestation/index.js';
import { damagedBytes } from '../damaged-bytes.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import { outcomeOf } from './test-host.js';
import type { TestHost } from './test-host.js';
import { fc } from '../property.js';

let pki: TrustPki;
let ta: TestTrustAuthority;
let host: TestHost;
/** The host's endorsement key, with its certificate: it has both. */
let identity: { readonly ek_cert: string; readonly ek_pub: string };
/** What the service could not explain: lines of its log. */
const logged: string[] = [];

beforeAll(async () => {
  pki = await makeTrustPki();
  const stream = { write: (line: string) => void logged.push(line) };
  ta = await startTrustAuthority(pki, {}, { log: createLogger({ name: 'ta', level: 'error', stream }) });
  host = await ta.bootHost();
  identity = (await host.identity()) as typeof identity;
});

afterAll(() => ta[Symbol.asyncDispose]());

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');
const pemOf = (der: Buffer, label: string): string => x509.PemConverter.encode(der, label);

describe('the certificate of an endorsement key', () => {
  it('is read or refused with a reason, whatever was done to it', () => {
    const identities = new PresentedIdentities();
    fc.assert(
      fc.property(damagedBytes(bytesOf(identity.ek_cert)), fc.boolean(), (der, alone) => {
        const ek_cert = der.toString('base64');
        try {
          identities.read(alone ? { ek_cert } : { ...identity, ek_cert });
        } catch (error) {
          expect(error).toBeInstanceOf(AttestationError);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not matter to how a damaged public area is refused', () => {
    const identities = new PresentedIdentities();
    fc.assert(
      fc.property(damagedBytes(bytesOf(identity.ek_pub)), (area) => {
        try {
          identities.read({ ...identity, ek_pub: area.toString('base64') });
        } catch (error) {
          expect(error).toBeInstanceOf(AttestationError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('an authority of TPMs', () => {
  const anchorOf = async (chain: readonly string[], crl: string): Promise<TrustAnchor> => {
    try {
      return await readTrustAnchor({ name: 'fuzz', cert_chain: { cert_chain: [...chain] }, crls: [crl] });
    } catch (error) {
      expect(error).toBeInstanceOf(KpsimError);
      throw error;
    }
  };
  const good = (): { chain: [string, string]; crl: string } => ({
    chain: [pki.vendor.root.caPem, pki.vendor.issuing.caPem],
    crl: pki.vendor.crlPem,
  });
  const derOf = (pem: string): Buffer => Buffer.from(x509.PemConverter.decode(pem)[0]!);

  it('is imported with its chain and its list, so that what follows is about the damage', async () => {
    const { chain, crl } = good();
    expect((await anchorOf(chain, crl)).revocationLists).toHaveLength(1);
  });

  it('is refused if a certificate of its chain is damaged, or the certificate is the one of before', async () => {
    const { chain, crl } = good();
    const issuing = derOf(chain[1]);
    await fc.assert(
      fc.asyncProperty(damagedBytes(issuing), async (der) => {
        fc.pre(!der.equals(issuing));
        const read = await anchorOf([chain[0], pemOf(der, 'CERTIFICATE')], crl).catch(() => undefined);
        if (read) expect(read.chain[1]?.raw).toEqual(issuing);
      }),
      { numRuns: 200 },
    );
  });

  it('is refused if its list of revoked certificates is damaged, or the list says what it said before', async () => {
    const { chain, crl } = good();
    const list = derOf(crl);
    await fc.assert(
      fc.asyncProperty(damagedBytes(list), async (der) => {
        fc.pre(!der.equals(list));
        // Bytes behind the list, and the algorithm's name outside of what is signed, change nothing that it says.
        const read = await anchorOf(chain, pemOf(der, 'X509 CRL')).catch(() => undefined);
        const { revoked, nextUpdateMs } = (await anchorOf(chain, crl)).revocationLists[0]!;
        if (read) expect(read.revocationLists).toMatchObject([{ revoked, nextUpdateMs }]);
      }),
      { numRuns: 200 },
    );
  });

  it('is refused as well if the PEM around it is damaged', async () => {
    const { chain, crl } = good();
    await fc.assert(
      fc.asyncProperty(
        damagedBytes(Buffer.from(chain[1])),
        damagedBytes(Buffer.from(crl)),
        async (pem, list) => {
          await anchorOf([chain[0], pem.toString('latin1')], list.toString('latin1')).catch(
            (error: unknown) => {
              expect(error).toBeInstanceOf(KpsimError);
            },
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('good evidence that was damaged', () => {
  /** Members that are bytes, and in which any change must be found. */
  const JUDGED = ['attest', 'signature', 'eventLog', 'activationProof', 'akPublic'] as const;

  it.each(JUDGED)(
    'in %s is judged step by step and not attested, and nothing fails unexpectedly',
    async (name) => {
      await fc.assert(
        fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 0xffff })), async (stream) => {
          const first = await host.client.attest(identity, [encodeContext(await host.hello())], []);
          const evidence = await host.evidence(first.contexts[0]!);
          const damaged = damagedBy(bytesOf(evidence[name]), stream);
          fc.pre(!damaged.equals(bytesOf(evidence[name])));
          const sent: EvidenceContext = { ...evidence, [name]: damaged.toString('base64') };
          const answer = host.client.attest(identity, [encodeContext(sent)], ['KMS_AUTH_JWT']);
          // Bytes that are no such field at all are refused before anything is judged.
          const outcome = await answer.then(outcomeOf, (error: unknown) => {
            expect(error).toBeInstanceOf(AttestationError);
          });
          if (outcome) {
            expect(outcome.result.attested).toBe(false);
            expect(outcome.result.documents).toEqual([]);
            expect(outcome.reason).toBeDefined();
          }
        }),
        { numRuns: 25 },
      );
      expect(logged).toEqual([]);
    },
  );

  it('leaves the service as it was: the next attestation passes', async () => {
    expect((await host.attest()).result.attested).toBe(true);
  });
});

/** Damage by choices, for bytes that are there only while a run goes on. */
function damagedBy(bytes: Buffer, choices: Iterator<number>): Buffer {
  const next = (): number => Number(choices.next().value);
  const at = next() % bytes.length;
  const copy = Buffer.from(bytes);
  switch (next() % 4) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([next() & 0xff]), bytes.subarray(at)]);
    case 2:
      copy.writeUInt8(0xff, at);
      return copy;
    default:
      copy.writeUInt8(copy.readUInt8(at) ^ (1 << (next() % 8)), at);
      return copy;
  }
}
