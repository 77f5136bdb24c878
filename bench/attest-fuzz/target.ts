import { Agent, request } from 'node:https';
import { join } from 'node:path';

import { systemClock } from '../../core/clock.js';
import { createContext } from '../../core/context.js';
import type { ServiceContext } from '../../core/context.js';
import { makeDataDir, makePrivateDir } from '../../core/data-dir.js';
import type { DataDir } from '../../core/data-dir.js';
import { endpointNamed } from '../../core/lifecycle.js';
import type { Service } from '../../core/lifecycle.js';
import { createLogger } from '../../core/logging.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { createTpmVendor } from '../../host-agent/tpm/index.js';
import type { TpmVendor } from '../../host-agent/tpm/index.js';
import { parseKmsConfig } from '../../kms/config.js';
import { KmsService } from '../../kms/service.js';
import {
  AttestationClient,
  KeyProviderServiceClient,
  signPrincipalToken,
} from '../../trust-authority/client.js';
import { TrustAuthorityService, trustAuthorityConfig } from '../../trust-authority/index.js';
import type { StsPrincipal } from '../../wire/attestation/index.js';
import { packImgdb, presetBaseImage } from '../../wire/esx-image/index.js';
import { BenchHost } from '../attest/bench-host.js';
import { makeProvider } from '../attest/provider.js';
import type { FuzzAnswer } from './judge.js';

const PROVIDER = 'fuzz';
const GROUP = 'group-1';
const VPXD: StsPrincipal = { id: { name: 'vpxd', domain: 'vsphere.local' }, type: 'STS_USER' };
const STS_ISSUER = 'https://vc.example/websso/SAML2/Metadata/vsphere.local';

/** Which of the two services a message goes to. */
export type FuzzedService = 'attestation' | 'kms';

/** A message as it is to be sent. */
export interface FuzzMessage {
  readonly service: FuzzedService;
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Whether it is still as good as the one it was made from, so that it may be accepted. */
  readonly mayPass: boolean;
}

/** What good messages are made of. */
export interface GoodParts {
  readonly provider: string;
  /** KMS_AUTH_JWT of the host. */
  readonly token: string;
  readonly principal: string;
  readonly ciphertext: string;
  /** With which the key provider service shows itself to the key server. */
  readonly clientCertificate: { readonly certificate: string; readonly private_key: string };
  readonly imgdb: Buffer;
  readonly authority: { readonly chain: readonly string[]; readonly crl: string };
  readonly configurations: Readonly<Record<FuzzedService, string>>;
}

/**
 * A Trust Authority and a key server in this process, over TLS, and a host that attests. The host's client certificate
 * may administrate too, so that every parser can be reached with it.
 */
export class FuzzTarget implements AsyncDisposable {
  /** What the services could not explain: lines of their logs at level error. */
  readonly problems: string[] = [];
  /** Texts that no answer may hold. */
  readonly secrets: string[] = [];
  readonly #dataDir: DataDir;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #ports: Record<FuzzedService, number> = { attestation: 0, kms: 0 };
  #agent = new Agent({ keepAlive: true });
  #host: BenchHost | undefined;
  #good: GoodParts | undefined;

  private constructor(dataDir: DataDir) {
    this.#dataDir = dataDir;
  }

  /** Starts everything. */
  static async start(): Promise<FuzzTarget> {
    const target = new FuzzTarget(await makeDataDir());
    try {
      await target.#start();
      return target;
    } catch (error) {
      await target[Symbol.asyncDispose]();
      throw error;
    }
  }

  get host(): BenchHost {
    return started(this.#host);
  }

  get good(): GoodParts {
    return started(this.#good);
  }

  /** Sends a message. @throws Error if there is no answer */
  send({ service, method, path, headers, body }: FuzzMessage): Promise<FuzzAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: '127.0.0.1',
          port: this.#ports[service],
          path,
          method,
          headers: { 'content-type': 'application/json', 'content-length': body.length, ...headers },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.once('error', reject);
          answer.once('end', () =>
            resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
          );
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    for (const close of this.#closers.splice(0).reverse()) await close();
    await this.#dataDir.remove();
  }

  async #start(): Promise<void> {
    const authority = await CertificateAuthority.create({ commonName: 'fuzz CA' });
    const vendor = await createTpmVendor();
    const [server, host] = await Promise.all([
      authority.issueServer({ commonName: 'ta-1', ipAddresses: ['127.0.0.1'] }),
      authority.issueClient({ commonName: 'fuzz' }),
    ]);
    const caPem = authority.caPem;
    const tls = { certificatePem: server.certificatePem, privateKeyPem: server.privateKeyPem };
    this.#agent = new Agent({
      keepAlive: true,
      ca: caPem,
      cert: host.certificatePem,
      key: host.privateKeyPem,
    });

    const keyServer = new KmsService(
      parseKmsConfig({ port: 0, tls, trustedCaPem: caPem }),
      await this.#context('kms-1'),
    );
    const [kmip] = await keyServer.start();
    this.#stopLater(keyServer);

    const imgdb = await packImgdb(presetBaseImage('8.0.3'));
    const chain = [vendor.root.caPem, vendor.issuing.caPem];
    const service = new TrustAuthorityService(
      trustAuthorityConfig.parse({
        group: GROUP,
        tls,
        trustedCaPem: caPem,
        administrators: ['fuzz'],
        initial: {
          caCertificates: [{ name: 'tpm-vendor', cert_chain: { cert_chain: chain }, crls: [vendor.crlPem] }],
          baseImages: [imgdb.toString('base64')],
        },
      }),
      await this.#context('ta-1'),
    );
    const endpoints = await service.start();
    this.#stopLater(service);
    const urls = {
      attestation: endpointNamed(endpoints, 'attestation').url,
      kms: endpointNamed(endpoints, 'kms').url,
    };
    this.#ports.attestation = Number(new URL(urls.attestation).port);
    this.#ports.kms = Number(new URL(urls.kms).port);

    this.#host = await this.#boot(host, vendor, urls.attestation, caPem);
    const { token } = await this.#host.attest();
    const kms = new KeyProviderServiceClient({ baseUrl: urls.kms, caPem, clientCertificate: host });
    const attestation = new AttestationClient({ baseUrl: urls.attestation, caPem, clientCertificate: host });
    try {
      const primary = await makeProvider(kms, {
        provider: PROVIDER,
        keyServerPort: kmip?.port ?? 0,
        caPem,
        ...host,
      });
      this.secrets.push(primary.toString('hex'), primary.toString('base64').slice(0, -1));
      const principal = await this.#entitle(kms, host);
      const { ciphertext } = await kms.generateKey(
        { provider: PROVIDER, numOfBytes: 32 },
        { token, principal },
      );
      this.#good = {
        provider: PROVIDER,
        token,
        principal,
        ciphertext,
        clientCertificate: { certificate: host.certificatePem, private_key: host.privateKeyPem },
        imgdb,
        authority: { chain, crl: vendor.crlPem },
        configurations: {
          attestation: (await attestation.rawConfig()).configuration,
          kms: (await kms.rawConfig()).configuration,
        },
      };
    } finally {
      await Promise.all([kms.close(), attestation.close()]);
    }
    this.secrets.push(...secretsOf(tls.privateKeyPem), ...secretsOf(host.privateKeyPem));
  }

  async #boot(
    host: KeyAndCertificate,
    vendor: TpmVendor,
    baseUrl: string,
    caPem: string,
  ): Promise<BenchHost> {
    const booted = await BenchHost.boot('fuzz-host', {
      directory: this.#dataDir.path,
      vendor,
      client: { baseUrl, caPem, clientCertificate: host },
    });
    this.#closers.push(() => booted.close());
    return booted;
  }

  /** Limits the provider to one consumer principal. @returns a principal token for the host */
  async #entitle(kms: KeyProviderServiceClient, host: KeyAndCertificate): Promise<string> {
    const authority = await CertificateAuthority.create({ commonName: 'STS CA' });
    const { certificatePem, privateKeyPem } = await authority.issue({ commonName: 'ssoserver-sign' });
    const profile = await kms.principals.create({
      principal: VPXD,
      issuer: STS_ISSUER,
      issuer_alias: 'vCenter',
      certificates: [{ cert_chain: [certificatePem, authority.caPem] }],
    });
    await kms.entitlements.set(PROVIDER, [profile]);
    return signPrincipalToken(
      { issuer: STS_ISSUER, certificateChainPem: certificatePem, privateKeyPem },
      {
        principal: VPXD,
        serviceGroups: [GROUP],
        hostCertificatePem: host.certificatePem,
        nowMs: systemClock.now(),
      },
    );
  }

  async #context(name: string): Promise<ServiceContext> {
    const stream = { write: (line: string) => void this.problems.push(line) };
    return createContext({
      dataDir: await makePrivateDir(join(this.#dataDir.path, name)),
      log: createLogger({ name, level: 'error', stream }),
    });
  }

  #stopLater(service: Service): void {
    this.#closers.push(() => service.stop());
  }
}

/** Lines of a private key that are long enough to be told by. */
function secretsOf(privateKeyPem: string): readonly string[] {
  return privateKeyPem.split('\n').filter((line) => line.length > 40 && !line.startsWith('-----'));
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the target is not started');
  return part;
}
