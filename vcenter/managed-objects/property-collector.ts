import type { ManagedObjectReference, MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import { hostsBehind } from '../hosts/hosts-behind.js';
import { objectContent } from '../property-collector/retrieval.js';
import type { Caller } from './caller.js';
import { sessionOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** Filter specs of one request. */
const SPEC_LIMIT = 100;

/** PropertyCollector: properties of many objects at once, and waiting for their changes. */
export const PROPERTY_COLLECTOR_METHODS: MethodHandlers<Caller, 'PropertyCollector'> = {
  async RetrieveProperties(caller, _self, { specSet }) {
    return await retrieve(caller, specSet);
  },
  async RetrievePropertiesEx(caller, _self, { specSet, options }) {
    const objects = await retrieve(caller, specSet);
    if (objects.length === 0) return undefined;
    return caller.vcenter.pages.first(caller.session?.key ?? '', objects, options.maxObjects);
  },
  ContinueRetrievePropertiesEx: (caller, _self, { token }) =>
    caller.vcenter.pages.next(sessionKey(caller), token),
  CancelRetrievePropertiesEx(caller, _self, { token }) {
    caller.vcenter.pages.cancel(sessionKey(caller), token);
    return undefined;
  },
  CreatePropertyCollector: (caller) => caller.vcenter.collectors.create(sessionKey(caller)),
  DestroyPropertyCollector(caller, self) {
    caller.vcenter.collectors.destroy(sessionKey(caller), self.value);
    return undefined;
  },
  async CreateFilter(caller, self, { spec }) {
    await caller.vcenter.contents(caller, spec); // refuses a spec that cannot be evaluated
    return caller.vcenter.collectors.addFilter(sessionKey(caller), self.value, spec);
  },
  WaitForUpdatesEx: (caller, self, { version, options }) =>
    wait(caller, self, version, options?.maxWaitSeconds),
  CheckForUpdates: (caller, self, { version }) => wait(caller, self, version, 0),
  async WaitForUpdates(caller, self, { version }) {
    const update = await wait(caller, self, version, undefined);
    if (update) return update;
    throw new VimFault(
      'RequestCanceled',
      'Nothing has changed for a long time; call again to go on waiting.',
    );
  },
  CancelWaitForUpdates(caller, self) {
    caller.vcenter.collectors.cancel(sessionKey(caller), self.value);
    return undefined;
  },
};

/** Properties of PropertyCollector. */
export const PROPERTY_COLLECTOR_PROPERTIES: PropertyReaders<'PropertyCollector'> = {
  filter: (caller, self) => caller.vcenter.collectors.filters(sessionKey(caller), self.value),
};

/** PropertyFilter: what a collector watches. */
export const PROPERTY_FILTER_METHODS: MethodHandlers<Caller, 'PropertyFilter'> = {
  DestroyPropertyFilter(caller, self) {
    caller.vcenter.collectors.destroyFilter(sessionKey(caller), self.value);
    return undefined;
  },
};

/** Properties of PropertyFilter. */
export const PROPERTY_FILTER_PROPERTIES: PropertyReaders<'PropertyFilter'> = {
  spec: (caller, self) => caller.vcenter.collectors.filter(sessionKey(caller), self.value).spec,
  partialUpdates: () => false,
};

async function retrieve(
  caller: Caller,
  specSet: readonly VimObject<'PropertyFilterSpec'>[],
): Promise<readonly VimObject<'ObjectContent'>[]> {
  if (specSet.length > SPEC_LIMIT) {
    throw new VimFault('InvalidArgument', `Send at most ${SPEC_LIMIT} filter specs at once.`);
  }
  const { inventory, hosts } = caller.vcenter;
  const starts = specSet.flatMap(({ objectSet }) => objectSet.map(({ obj }) => obj));
  if (caller.session) await hosts.refreshStale(hostsBehind(inventory, starts));
  const contents = await Promise.all(specSet.map((spec) => caller.vcenter.contents(caller, spec)));
  return contents.flat().map(objectContent);
}

function wait(
  caller: Caller,
  self: ManagedObjectReference,
  version: string | undefined,
  maxWaitSeconds: number | undefined,
): Promise<VimObject<'UpdateSet'> | undefined> {
  if (maxWaitSeconds !== undefined && maxWaitSeconds < 0) {
    throw new VimFault('InvalidArgument', 'maxWaitSeconds is 0 or more.', {
      fields: { invalidProperty: 'options.maxWaitSeconds' },
    });
  }
  const maxWaitMs = maxWaitSeconds === undefined ? undefined : maxWaitSeconds * 1000;
  return caller.vcenter.collectors.wait(sessionKey(caller), self.value, version ?? '', maxWaitMs, (spec) =>
    caller.vcenter.contents(caller, spec),
  );
}

function sessionKey(caller: Caller): string {
  return sessionOf(caller).key;
}
