import type { Counter, Histogram } from 'prom-client';

import type { ServiceContext } from '../core/context.js';
import { Sealer } from '../core/store/sealer.js';
import type { ManagedObjectReference, VimObject } from '../wire/vim25/index.js';
import { VimFault } from '../wire/vim25/index.js';
import { Authorization } from './access/authorization.js';
import { LoginThrottle } from './access/login-throttle.js';
import { Users } from './access/passwords.js';
import { Roles, SYSTEM_ROLES } from './access/roles.js';
import type { NewSession, Session } from './access/sessions.js';
import { Sessions } from './access/sessions.js';
import type { VcenterConfig } from './config.js';
import { KeySupply } from './crypto/key-supply.js';
import { Hosts } from './hosts/hosts.js';
import type { HostEntity } from './inventory/entities.js';
import { Inventory, ROOT_FOLDER } from './inventory/inventory.js';
import { Topology } from './inventory/topology.js';
import { KeyProviders } from './key-providers/key-providers.js';
import { NativeKeyProviders } from './key-providers/native.js';
import { PROPERTIES, exists, readProperty } from './managed-objects/backend.js';
import type { Caller } from './managed-objects/caller.js';
import { Views } from './managed-objects/views.js';
import { hostFacts } from './migration/host-facts.js';
import { Migrations } from './migration/migrations.js';
import { Changes } from './operations/changes.js';
import { Events } from './operations/events.js';
import { RestTasks } from './operations/rest-tasks.js';
import { Tasks } from './operations/tasks.js';
import { Collectors } from './property-collector/collectors.js';
import { Pages } from './property-collector/pages.js';
import type { Content } from './property-collector/retrieval.js';
import { Retrieval } from './property-collector/retrieval.js';
import { VcenterStore } from './store.js';
import { TrustAuthorityMembers } from './trusted-infrastructure/members.js';
import { ProviderSecrets } from './trusted-infrastructure/provider-secrets.js';
import { RegisteredServices } from './trusted-infrastructure/registered-services.js';
import { PrincipalTokens } from './trusted-infrastructure/principal-tokens.js';
import { SecurityTokenService } from './trusted-infrastructure/sts.js';
import { Reconfiguration } from './virtual-machines/reconfiguration.js';
import { VirtualMachines } from './virtual-machines/virtual-machines.js';

/** How long a vCenter that stops waits for tasks before it cuts them off. */
const TASKS_GRACE_MS = 5000;

/** Who logs in, and from where. */
export type Login = Omit<NewSession, 'principal'> & { readonly userName: string; readonly password: string };

/** All parts of one vCenter, wired together; its faces (VI/JSON, REST, peer) stand on it. */
export class Vcenter {
  readonly config: VcenterConfig;
  readonly context: ServiceContext;
  readonly store: VcenterStore;
  readonly sealer: Sealer;
  readonly instanceUuid: string;
  readonly changes = new Changes();
  readonly inventory: Inventory;
  readonly users: Users;
  readonly roles: Roles;
  readonly authorization: Authorization;
  readonly sessions: Sessions;
  readonly throttle: LoginThrottle;
  readonly tasks: Tasks;
  readonly restTasks: RestTasks;
  readonly events: Events;
  readonly hosts: Hosts;
  readonly native: NativeKeyProviders | undefined;
  readonly providers: KeyProviders;
  readonly supply: KeySupply;
  readonly topology: Topology;
  readonly vms: VirtualMachines;
  readonly reconfiguration: Reconfiguration;
  readonly migrations: Migrations;
  readonly providerSecrets: ProviderSecrets;
  readonly members: TrustAuthorityMembers;
  readonly sts: SecurityTokenService;
  readonly principalTokens: PrincipalTokens;
  readonly registeredServices: RegisteredServices;
  readonly collectors: Collectors;
  readonly pages = new Pages();
  readonly views = new Views();
  readonly metrics: { readonly duration: Histogram<'operation'>; readonly logins: Counter<'outcome'> };
  #refreshTimer: NodeJS.Timeout | undefined;
  #telling: Promise<void> | undefined;
  #tellNext: Promise<void> | undefined;

  private constructor(config: VcenterConfig, context: ServiceContext, users: Users, sealer: Sealer) {
    const { clock, log } = context;
    this.config = config;
    this.context = context;
    this.users = users;
    this.sealer = sealer;
    this.store = new VcenterStore(context.dataDir);
    this.instanceUuid = this.#ownUuid();
    this.inventory = new Inventory(this.store, this.changes.signal);
    this.roles = new Roles(this.store);
    this.authorization = new Authorization(this.store, this.inventory, this.roles);
    this.sessions = new Sessions(clock, config.sessionIdleSeconds, config.sessionLimit);
    this.throttle = new LoginThrottle(clock);
    this.tasks = new Tasks(clock, log, this.changes.signal);
    this.restTasks = new RestTasks(clock, context.rng, log);
    this.events = new Events(clock, this.inventory);
    this.collectors = new Collectors(this.changes);
    this.hosts = new Hosts(config, { clock, log, inventory: this.inventory, changed: this.changes.signal });
    this.native = NativeKeyProviders.of(config);
    this.providers = new KeyProviders({
      store: this.store,
      sealer,
      clock,
      log,
      config,
      native: this.native,
    });
    this.supply = new KeySupply({
      store: this.store,
      inventory: this.inventory,
      hosts: this.hosts,
      providers: this.providers,
      events: this.events,
      vcenterVersion: config.version,
      now: () => clock.now(),
      hostFacts: (host, state) => hostFacts(this.inventory, host, state),
    });
    this.providerSecrets = new ProviderSecrets(this.store, sealer);
    this.members = new TrustAuthorityMembers({
      config,
      inventory: this.inventory,
      secrets: this.providerSecrets,
      log,
    });
    this.sts = new SecurityTokenService({
      store: this.store,
      sealer,
      clock,
      instanceUuid: this.instanceUuid,
    });
    this.principalTokens = new PrincipalTokens(this.sts, clock);
    this.registeredServices = new RegisteredServices(this.store);
    this.topology = new Topology(this);
    this.vms = new VirtualMachines(this);
    this.reconfiguration = new Reconfiguration(this);
    this.migrations = new Migrations(this);
    this.metrics = {
      duration: context.metrics.histogram('kpsim_vcenter_call_seconds', 'Time of a vim25 call', [
        'operation',
      ]),
      logins: context.metrics.counter('kpsim_vcenter_logins_total', 'Logins by their outcome', ['outcome']),
    };
    this.hosts.onReturn((host) => this.#hostReturned(host));
    this.#grantConfiguredRoles();
  }

  /** Opens what is on disk, and hashes the passwords of the configuration. */
  static async open(config: VcenterConfig, context: ServiceContext): Promise<Vcenter> {
    const [users, sealer] = await Promise.all([Users.create(config.users), Sealer.load(context.dataDir)]);
    return new Vcenter(config, context, users, sealer);
  }

  /** Takes hosts and interrupted migrations up. */
  start(): void {
    this.migrations.reconciler.start();
    void this.hosts.refreshAll(0);
    void this.members.catchUp();
    this.#refreshTimer = setInterval(() => {
      void this.hosts.refreshAll().then(() => this.topology.renewPrincipalTokens());
      void this.members.catchUp();
    }, this.config.hostRefreshSeconds * 1000);
    this.#refreshTimer.unref();
  }

  /** Gives tasks a moment to end, then closes everything; migrations that are cut off are taken up at the next start. */
  async close(): Promise<void> {
    clearInterval(this.#refreshTimer);
    await this.tasks.settled(TASKS_GRACE_MS);
    await this.hosts.close();
    await this.migrations.reconciler.stop();
    await this.tasks.settled();
    await this.restTasks.settled();
    await Promise.all([this.providers.close(), this.native?.close(), this.members.close()]);
    this.store.close();
    this.sealer.close();
  }

  /** Opens a session. @throws VimFault `InvalidLogin`, `ResourceInUse` */
  async logIn({
    userName,
    password,
    ...from
  }: Login): Promise<{ readonly id: string; readonly session: Session }> {
    const waitMs = this.throttle.waitMs(userName, from.ipAddress);
    if (waitMs > 0) {
      this.metrics.logins.inc({ outcome: 'throttled' });
      throw invalidLogin(`Too many failed logins; try again in ${Math.ceil(waitMs / 1000)} seconds.`);
    }
    const principal = await this.users.authenticate(userName, password);
    if (!principal) {
      this.throttle.failed(userName, from.ipAddress);
      this.metrics.logins.inc({ outcome: 'failure' });
      this.events.post(
        'BadUsernameSessionEvent',
        { userName: userName.slice(0, 255), message: `Cannot login ${userName.slice(0, 255)}.` },
        { ipAddress: from.ipAddress },
      );
      throw invalidLogin('Cannot complete login due to an incorrect user name or password.');
    }
    this.throttle.succeeded(userName, from.ipAddress);
    this.metrics.logins.inc({ outcome: 'success' });
    const opened = this.sessions.open({ ...from, principal }, this.context.rng.uuid());
    const message = `User ${principal.name} logged in.`;
    this.events.post(
      'UserLoginSessionEvent',
      { userName: principal.name, message },
      { ipAddress: from.ipAddress, locale: from.locale, sessionId: opened.session.key },
    );
    return opened;
  }

  /** Ends a session, with all that it holds. */
  logOut(session: Session): void {
    this.sessions.end(session.key);
    this.collectors.endSession(session.key);
    this.views.endSession(session.key);
    const message = `User ${session.principal.name} logged out.`;
    this.events.post(
      'UserLogoutSessionEvent',
      { userName: session.principal.name, message },
      { ipAddress: session.ipAddress, sessionId: session.key },
    );
  }

  /** What a filter spec selects, for a caller. @throws VimFault */
  contents(caller: Caller, spec: VimObject<'PropertyFilterSpec'>): Promise<readonly Content[]> {
    return new Retrieval(caller, readProperty, (type) => PROPERTIES.names(type)).contents(spec);
  }

  /** Whether a managed object is there for a caller. */
  exists(caller: Caller, reference: ManagedObjectReference): boolean {
    return exists(caller, reference);
  }

  /** Tells the native key provider service which hosts to keep supplied; calls that come meanwhile share the next one. */
  async tellNativeProvider(): Promise<void> {
    if (!this.native) return;
    if (this.#telling) {
      this.#tellNext ??= this.#telling.then(() => {
        this.#tellNext = undefined;
        return this.tellNativeProvider();
      });
      return this.#tellNext;
    }
    this.#telling = this.#tell(this.native).finally(() => {
      this.#telling = undefined;
    });
    return this.#telling;
  }

  async #tell(native: NativeKeyProviders): Promise<void> {
    const hosts = this.inventory.ofType('HostSystem').map((host) => ({
      host: host.moid,
      name: host.name,
      address: host.address,
      clustered: this.inventory.clusterOf(host.moid) !== undefined,
      tpmPresent: this.hosts.state(host.moid).about?.tpm.present ?? false,
    }));
    await native.tellHosts(hosts).catch((error: unknown) => {
      this.context.log.warn({ err: error }, 'the native key provider service does not take the hosts');
    });
  }

  async #hostReturned(host: HostEntity): Promise<void> {
    await this.tellNativeProvider();
    await this.topology.pushTrustedServices(host);
    await this.supply.restore(host);
  }

  #ownUuid(): string {
    const known = this.store.setting('instanceUuid');
    if (known !== undefined) return known;
    const made = this.context.rng.uuid();
    this.store.setSetting('instanceUuid', made);
    return made;
  }

  /** Roles of the configuration hold from the first start; later they are what administrators made of them. */
  #grantConfiguredRoles(): void {
    for (const { name, role } of this.config.users) {
      const mark = `granted ${name.toLowerCase()}`;
      if (role === undefined || this.store.setting(mark) !== undefined) continue;
      this.store.transaction(() => {
        const roleId = SYSTEM_ROLES[role].id;
        this.authorization.set([
          { entity: ROOT_FOLDER, principal: name, group: false, roleId, propagate: true },
        ]);
        this.store.setSetting(mark, String(roleId));
      });
    }
  }
}

function invalidLogin(message: string): VimFault<'InvalidLogin'> {
  return new VimFault('InvalidLogin', message);
}
