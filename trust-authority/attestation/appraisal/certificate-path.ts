import type { CertificatePath, JudgedCertificate } from '../trust-anchors.js';
import { failed } from './step.js';
import type { Finding } from './step.js';

/**
 * The path that a certificate is judged by: the first that is good or, where none is, the first. An authority may have
 * been imported with several certificates, of which some have expired.
 */
export function judgedPath(paths: readonly CertificatePath[], nowMs: number): CertificatePath | undefined {
  const good = (path: CertificatePath): boolean =>
    revocationOf(path, nowMs) === undefined && outdatedOf(path, nowMs) === undefined;
  return paths.length > 1 ? (paths.find(good) ?? paths[0]) : paths[0];
}

/** What is wrong with a path by the revocation lists of its issuers; undefined if nothing is. */
export function revocationOf(path: CertificatePath, nowMs: number): Finding | undefined {
  for (const judged of path) {
    const { revocationLists: lists, serial } = judged;
    if (lists.some(({ revoked }) => revoked.has(serial))) {
      return failed('ek_ca_revoked', {
        expected: 'a serial number that its issuer has not revoked',
        actual: `serial number ${judged.certificate.serialNumber} is revoked`,
      });
    }
    if (lists.length > 0 && lists.every(({ nextUpdateMs = Infinity }) => nextUpdateMs < nowMs)) {
      const newest = Math.max(...lists.map(({ nextUpdateMs = 0 }) => nextUpdateMs));
      return failed('ek_ca_revoked', {
        expected: 'a current revocation list',
        actual: `one that should have been renewed on ${new Date(newest).toISOString()}`,
      });
    }
  }
  return undefined;
}

/** The first certificate of a path that is not valid now, as a finding; undefined if all are. */
export function outdatedOf(path: CertificatePath, nowMs: number): Finding | undefined {
  const expected = `valid on ${new Date(nowMs).toISOString()}`;
  const late = path.find(({ notAfterMs }) => nowMs > notAfterMs);
  if (late) return failed('ek_cert_expired', { expected, actual: periodOf(late) });
  const early = path.find(({ notBeforeMs }) => nowMs < notBeforeMs);
  return early && failed('ek_cert_not_yet_valid', { expected, actual: periodOf(early) });
}

/** The period of validity of a certificate, as it is shown. */
export function periodOf({ certificate }: JudgedCertificate): string {
  return `valid from ${certificate.validFrom} until ${certificate.validTo}`;
}
