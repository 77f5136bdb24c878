import { KpsimError } from '../../core/errors.js';
import type { Endpoint } from '../../core/lifecycle.js';
import { certificateThumbprintSha256 } from '../../core/pki/index.js';
import { VcenterClient } from '../../vcenter/client.js';
import { FRONT_DOOR_ENDPOINT, LAB_SET_UP, VcenterService, vcenterConfigSchema } from '../../vcenter/index.js';
import type { ManagedObjectReference, VimObject } from '../../wire/vim25/index.js';
import type { Ground } from '../ground.js';
import type { VcenterSpec } from '../topology/index.js';
import { SYSTEM_ROLES } from '../topology/references.js';
import { startNativeKp } from './native-kp.js';

/** The user that every vCenter of a lab has, with the role Admin. */
export const ADMINISTRATOR = 'administrator@vsphere.local';

/** Name and password of a user. */
export interface Credential {
  readonly userName: string;
  readonly password: string;
}

/** A vCenter of a lab, with the native key provider service behind its front door. */
export class LabVcenter {
  readonly name: string;
  /** The front door. */
  readonly endpoint: Endpoint;
  readonly #spec: VcenterSpec;
  readonly #ground: Ground;
  #administrator: Promise<VcenterClient> | undefined;
  #setUp: Promise<VcenterClient> | undefined;

  private constructor(spec: VcenterSpec, endpoint: Endpoint, ground: Ground) {
    this.name = spec.name;
    this.endpoint = endpoint;
    this.#spec = spec;
    this.#ground = ground;
  }

  /** Starts the native key provider service, then the vCenter before it. */
  static async start(spec: VcenterSpec, ground: Ground): Promise<LabVcenter> {
    const { url } = await startNativeKp(spec.name, ground);
    const users = spec.users.map(({ name, password, role }) => ({
      name,
      password: password ?? ground.state.password(`${spec.name}/${name}`),
      ...(isSystemRole(role) && { role }),
    }));
    const administrator = {
      name: ADMINISTRATOR,
      password: ground.state.password(`${spec.name}/${ADMINISTRATOR}`),
      role: 'Admin',
    };
    const listed = users.some(({ name }) => name === ADMINISTRATOR);
    const config = vcenterConfigSchema.parse({
      ...(await ground.common(spec.name)),
      port: ground.port(spec.name, FRONT_DOOR_ENDPOINT, spec.port),
      version: spec.version,
      users: listed ? users : [administrator, ...users],
      nativeKeyProviderUrl: url,
    });
    const endpoint = await ground.start(new VcenterService(config, await ground.contextOf(spec.name)));
    return new LabVcenter(spec, endpoint(FRONT_DOOR_ENDPOINT), ground);
  }

  /** Name and password of a user of this vCenter. @throws KpsimError `user_unknown` */
  credential(userName: string = ADMINISTRATOR): Credential {
    const user = this.#spec.users.find(({ name }) => name === userName);
    if (!user && userName !== ADMINISTRATOR) {
      const known = [ADMINISTRATOR, ...this.#spec.users.map(({ name }) => name)];
      throw new KpsimError(
        'user_unknown',
        `${this.name} has no user ${userName}; it has ${known.join(', ')}.`,
      );
    }
    const password = user?.password ?? this.#ground.state.password(`${this.name}/${userName}`);
    return { userName, password };
  }

  /** The administrator's client, with a session; the same one every time. */
  client(): Promise<VcenterClient> {
    return (this.#administrator ??= this.login());
  }

  /** Another session of the administrator, by which the vCenter knows the lab that sets it up. */
  setUpClient(): Promise<VcenterClient> {
    return (this.#setUp ??= this.login(ADMINISTRATOR, LAB_SET_UP));
  }

  /** A client with a session of a user; it is closed when the lab stops. @param userAgent what it calls itself */
  async login(userName?: string, userAgent?: string): Promise<VcenterClient> {
    const { certificates } = this.#ground;
    const client = this.#ground.keep(
      new VcenterClient({
        baseUrl: this.endpoint.url,
        caPem: certificates.caPem,
        ...(userAgent !== undefined && { userAgent }),
      }),
    );
    const { password, userName: name } = this.credential(userName);
    await client.login(name, password);
    return client;
  }

  /** How another vCenter is told of this one in a `RelocateSpec` (vSphere `ServiceLocator`). */
  async serviceLocator(userName?: string): Promise<VimObject<'ServiceLocator'>> {
    const { about } = await (await this.client()).serviceContent();
    const credential = this.credential(userName);
    const { certificatePem } = await this.#ground.certificates.server(this.name, this.#ground.host);
    return {
      _typeName: 'ServiceLocator',
      instanceUuid: about.instanceUuid ?? '',
      url: this.endpoint.url,
      credential: {
        _typeName: 'ServiceLocatorNamePassword',
        username: credential.userName,
        password: credential.password,
      },
      sslThumbprint: certificateThumbprintSha256(certificatePem),
    };
  }

  /** The datacenter that the lab has made; its name is the vCenter's with `-dc`. */
  get datacenterName(): string {
    return `${this.name}-dc`;
  }

  /** An entity by its path below the root folder, for example `vc-east-dc/vm/app-1`; undefined if there is none. */
  async find(path: string): Promise<ManagedObjectReference | undefined> {
    const client = await this.client();
    return client.invoke('SearchIndex', 'SearchIndex', 'FindByInventoryPath', { inventoryPath: path });
  }

  /** A host by its name. @throws KpsimError `host_unknown` */
  async host(name: string): Promise<ManagedObjectReference> {
    const client = await this.client();
    const arguments_ = { dnsName: name, vmSearch: false };
    const found = await client.invoke('SearchIndex', 'SearchIndex', 'FindByDnsName', arguments_);
    if (found) return found;
    throw new KpsimError('host_unknown', `${this.name} manages no host ${name}.`);
  }

  /** A VM by its UUID; undefined if this vCenter does not have it. */
  async vmByUuid(uuid: string): Promise<ManagedObjectReference | undefined> {
    const client = await this.client();
    return client.invoke('SearchIndex', 'SearchIndex', 'FindByUuid', { uuid, vmSearch: true });
  }
}

function isSystemRole(role: string): boolean {
  return SYSTEM_ROLES.some((known) => known === role);
}
