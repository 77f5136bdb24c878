import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Inventory } from '../inventory/inventory.js';
import { ROOT_FOLDER } from '../inventory/inventory.js';
import { referenceTo } from '../inventory/entities.js';
import type { PermissionRow, VcenterStore } from '../store.js';
import type { Roles } from './roles.js';

/** Who acts: a user with its groups. */
export interface Principal {
  readonly name: string;
  readonly groups: readonly string[];
}

/** Permissions that one entity may have. */
const PERMISSIONS_PER_ENTITY_LIMIT = 256;

/** Decides who may do what: permissions on entities, with propagation from above. */
export class Authorization {
  readonly #store: VcenterStore;
  readonly #inventory: Inventory;
  readonly #roles: Roles;
  readonly #byEntity = new Map<string, PermissionRow[]>();

  constructor(store: VcenterStore, inventory: Inventory, roles: Roles) {
    this.#store = store;
    this.#inventory = inventory;
    this.#roles = roles;
    for (const permission of store.permissions()) this.#keep(permission);
  }

  /**
   * The privileges of a principal on an object. The nearest entity with a permission for the principal decides; its
   * own permission goes before those of its groups, which add up (vSphere Security, "Multiple Permission Settings").
   * Objects that are no entities, such as the crypto manager, count as the root folder.
   */
  privilegesOn(principal: Principal, object: ManagedObjectReference): ReadonlySet<string> {
    const lineage = this.#inventory.get(object.value)
      ? this.#inventory.lineage(object.value)
      : this.#inventory.lineage(ROOT_FOLDER);
    for (const [distance, { moid }] of lineage.entries()) {
      const valid = (this.#byEntity.get(moid) ?? []).filter((row) => distance === 0 || row.propagate);
      const own = valid.find((row) => !row.group && sameName(row.principal, principal.name));
      if (own) return this.#roles.privilegesOf(own.roleId);
      const ofGroups = valid.filter(
        (row) => row.group && principal.groups.some((group) => sameName(group, row.principal)),
      );
      if (ofGroups.length > 0) {
        return new Set(ofGroups.flatMap((row) => [...this.#roles.privilegesOf(row.roleId)]));
      }
    }
    return new Set();
  }

  /** Whether a principal holds a privilege on an object. */
  has(principal: Principal, object: ManagedObjectReference, privilegeId: string): boolean {
    if (privilegeId === 'System.Anonymous') return true;
    if (privilegeId === 'System.View' && !this.#inventory.get(object.value)) return true;
    return this.privilegesOn(principal, object).has(privilegeId);
  }

  /** @throws VimFault `NoPermission` with the object and the privilege that is missing */
  demand(principal: Principal, object: ManagedObjectReference, privilegeId: string): void {
    if (this.has(principal, object, privilegeId)) return;
    const named = this.#inventory.get(object.value) ? object : referenceTo('Folder', ROOT_FOLDER);
    throw new VimFault(
      'NoPermission',
      `${principal.name} has no ${privilegeId} on ${named.type}:${named.value}. Give the user a role with it there or above.`,
      { fields: { object: named, privilegeId } },
    );
  }

  /** Permissions set on an entity itself and, if asked for, those that reach it from above. */
  permissionsOf(moid: string, inherited: boolean): readonly PermissionRow[] {
    const lineage = inherited ? this.#inventory.lineage(moid) : this.#inventory.lineage(moid).slice(0, 1);
    return lineage.flatMap((entity, distance) =>
      (this.#byEntity.get(entity.moid) ?? []).filter((row) => distance === 0 || row.propagate),
    );
  }

  all(): readonly PermissionRow[] {
    return [...this.#byEntity.values()].flat();
  }

  ofRole(roleId: number): readonly PermissionRow[] {
    return this.all().filter((row) => row.roleId === roleId);
  }

  /** Sets permissions on their entities, replacing those of the same principals. @throws VimFault `NotFound` */
  set(permissions: readonly PermissionRow[]): void {
    for (const { roleId } of permissions) this.#roles.require(roleId);
    this.#store.transaction(() => {
      for (const permission of permissions) {
        const rows = this.#byEntity.get(permission.entity) ?? [];
        if (rows.length >= PERMISSIONS_PER_ENTITY_LIMIT) {
          throw new VimFault(
            'InvalidArgument',
            `One entity has at most ${PERMISSIONS_PER_ENTITY_LIMIT} permissions.`,
          );
        }
        this.#store.putPermission(permission);
        this.#keep(permission);
      }
    });
  }

  /** @throws VimFault `NotFound` */
  remove(entity: string, principal: string, group: boolean): void {
    const rows = this.#byEntity.get(entity) ?? [];
    const found = rows.find((row) => row.group === group && sameName(row.principal, principal));
    if (!found) throw new VimFault('NotFound', 'The entity has no permission for that principal of its own.');
    this.#store.deletePermission(entity, found.principal, group);
    this.#byEntity.set(
      entity,
      rows.filter((row) => row !== found),
    );
  }

  /** Forgets the permissions of an entity that was removed. */
  forget(entity: string): void {
    this.#byEntity.delete(entity);
  }

  #keep(permission: PermissionRow): void {
    const others = (this.#byEntity.get(permission.entity) ?? []).filter(
      (row) => row.group !== permission.group || !sameName(row.principal, permission.principal),
    );
    this.#byEntity.set(permission.entity, [...others, permission]);
  }
}

/** Names of users and groups are the same whatever their case. */
function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
