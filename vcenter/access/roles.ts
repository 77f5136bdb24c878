import type { RoleRow, VcenterStore } from '../store.js';
import { VimFault } from '../../wire/vim25/index.js';
import { PRIVILEGE_IDS, isPrivilegeId } from './privileges.js';

const SYSTEM_PRIVILEGES = ['System.Anonymous', 'System.View', 'System.Read'] as const;

/** Roles of the system, with vSphere's ids. They cannot be changed or removed. */
export const SYSTEM_ROLES = {
  Admin: { id: -1, privileges: PRIVILEGE_IDS },
  ReadOnly: { id: -2, privileges: SYSTEM_PRIVILEGES },
  View: { id: -3, privileges: ['System.Anonymous', 'System.View'] },
  Anonymous: { id: -4, privileges: ['System.Anonymous'] },
  NoAccess: { id: -5, privileges: [] },
  NoCryptoAdmin: { id: -6, privileges: PRIVILEGE_IDS.filter((id) => !id.startsWith('Cryptographer.')) },
  NoTrustedAdmin: { id: -7, privileges: PRIVILEGE_IDS.filter((id) => !id.startsWith('TrustedAdmin.')) },
} as const satisfies Record<string, { readonly id: number; readonly privileges: readonly string[] }>;

/** Roles that a user may define. */
const ROLE_LIMIT = 1000;

/** All roles: those of the system and those that users define. */
export class Roles {
  readonly #store: VcenterStore;
  readonly #roles = new Map<number, RoleRow & { readonly set: ReadonlySet<string> }>();

  constructor(store: VcenterStore) {
    this.#store = store;
    for (const [name, { id, privileges }] of Object.entries(SYSTEM_ROLES)) {
      this.#keep({ id, name, privileges });
    }
    for (const role of store.roles()) this.#keep(role);
  }

  list(): readonly RoleRow[] {
    return [...this.#roles.values()];
  }

  /** Privileges of a role; none if there is no such role. */
  privilegesOf(id: number): ReadonlySet<string> {
    return this.#roles.get(id)?.set ?? new Set();
  }

  /** @throws VimFault `NotFound` */
  require(id: number): RoleRow {
    const role = this.#roles.get(id);
    if (role) return role;
    throw new VimFault(
      'NotFound',
      `There is no role ${id}; roleList of the AuthorizationManager names them.`,
    );
  }

  /** Makes a role and returns its id. @throws VimFault `AlreadyExists`, `InvalidArgument`, `LimitExceeded` */
  add(name: string, privileges: readonly string[]): number {
    if (this.#roles.size >= ROLE_LIMIT) {
      throw new VimFault('InvalidArgument', `There are ${ROLE_LIMIT} roles already; remove one first.`);
    }
    this.#checkName(name);
    const id = Math.max(0, ...this.#roles.keys()) + 1;
    this.#save({ id, name, privileges: withSystem(privileges) });
    return id;
  }

  /** @throws VimFault `NotFound`, `AlreadyExists`, `InvalidArgument` */
  update(id: number, name: string, privileges: readonly string[]): void {
    this.#requireOwn(id);
    this.#checkName(name, id);
    this.#save({ id, name, privileges: withSystem(privileges) });
  }

  /** @throws VimFault `NotFound`, `InvalidArgument` */
  remove(id: number): void {
    this.#requireOwn(id);
    this.#store.deleteRole(id);
    this.#roles.delete(id);
  }

  #requireOwn(id: number): void {
    this.require(id);
    if (id < 0) throw new VimFault('InvalidArgument', 'Roles of the system cannot be changed or removed.');
  }

  #checkName(name: string, own?: number): void {
    if (name.trim() === '' || name.length > 255) {
      throw new VimFault('InvalidArgument', 'A role name has 1 to 255 characters.', {
        fields: { invalidProperty: 'name' },
      });
    }
    if ([...this.#roles.values()].some((role) => role.name === name && role.id !== own)) {
      throw new VimFault('AlreadyExists', `There is a role ${name} already.`, { fields: { name } });
    }
  }

  #save(role: RoleRow): void {
    this.#store.putRole(role);
    this.#keep(role);
  }

  #keep(role: RoleRow): void {
    this.#roles.set(role.id, { ...role, set: new Set(role.privileges) });
  }
}

/** Every role that users define may also view and read, as vSphere adds by itself. */
function withSystem(privileges: readonly string[]): readonly string[] {
  const unknown = privileges.find((id) => !isPrivilegeId(id));
  if (unknown !== undefined) {
    throw new VimFault(
      'InvalidArgument',
      `${unknown.slice(0, 80)} is no privilege; privilegeList of the AuthorizationManager names them.`,
      { fields: { invalidProperty: 'privIds' } },
    );
  }
  return [...new Set([...SYSTEM_PRIVILEGES, ...privileges])];
}
