import type { Clock } from '../../core/clock.js';
import { selfSigned } from '../../core/pki/index.js';
import type { Sealer } from '../../core/store/sealer.js';
import type { StsPrincipalValue } from './types.js';
import type { VcenterStore } from '../store.js';

/** Where the Security Token Service keeps its key, sealed. */
const SETTING = 'stsSigningKey';
/** Domain of a vCenter's own users. */
const DOMAIN = 'vsphere.local';

/** The key that a Security Token Service signs with. */
export interface StsKey {
  readonly certificatePem: string;
  /** PKCS#8, P-256. */
  readonly privateKeyPem: string;
}

/** What a {@link SecurityTokenService} stands on. */
export interface StsOptions {
  readonly store: VcenterStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly instanceUuid: string;
}

/**
 * The Security Token Service of a vCenter, as far as a Trust Authority needs it: who signs for this vCenter's hosts,
 * and for which principal they work.
 */
export class SecurityTokenService {
  /** The service that signs; of a vCenter it is a URL, here a name that is its own in every lab (own choice). */
  readonly issuer: string;
  /** The user for whom this vCenter's hosts ask for keys. */
  readonly principal: StsPrincipalValue;
  readonly #options: StsOptions;
  #key: Promise<StsKey> | undefined;

  constructor(options: StsOptions) {
    this.#options = options;
    this.issuer = `https://${options.instanceUuid}.kpsim.test/websso/SAML2/Metadata/${DOMAIN}`;
    this.principal = { id: { name: `vpxd-${options.instanceUuid}`, domain: DOMAIN }, type: 'STS_USER' };
  }

  /** The signing key; it is made when it is first needed, and kept sealed. */
  key(): Promise<StsKey> {
    this.#key ??= this.#load().catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async #load(): Promise<StsKey> {
    const { store, sealer, clock } = this.#options;
    const known = store.setting(SETTING);
    if (known !== undefined) {
      return JSON.parse(sealer.open(Buffer.from(known, 'base64'), SETTING).toString('utf8')) as StsKey;
    }
    const { certificatePem, privateKeyPem } = await selfSigned({ commonName: 'ssoserverSign', clock });
    const made = { certificatePem, privateKeyPem };
    store.setSetting(SETTING, sealer.seal(Buffer.from(JSON.stringify(made)), SETTING).toString('base64'));
    return made;
  }
}
