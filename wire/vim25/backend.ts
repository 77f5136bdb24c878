import { VimFault } from './fault.js';
import type { MethodFinder } from './method-table.js';
import { objectType } from './registry.js';
import type { Method } from './registry.js';
import type { TypeExpression } from './type-expression.js';
import type { ManagedObjectReference } from './vim.js';

/** Where a call comes from, as the dialect's edge saw it. */
export interface CallerAddress {
  /** The session id that the client sent; undefined without one. */
  readonly sessionId: string | undefined;
  readonly ipAddress: string;
  readonly userAgent: string;
}

/** One call on its way through a service: a method with its decoded arguments, or a property read. */
export interface VimCall<C> {
  readonly caller: C;
  readonly self: ManagedObjectReference;
  /** Method or property name. */
  readonly member: string;
  /** The method; undefined where a property is read. */
  readonly method?: Method | undefined;
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * A service that answers the vSphere Web Services API, in whatever dialect. `C` is what it knows of a caller,
 * made anew for every request; logging in changes it.
 */
export interface VimBackend<C> {
  readonly methods: MethodFinder<C>;
  /** Who calls; a session id that is unknown or expired makes a caller who is not authenticated. */
  caller(address: CallerAddress): C;
  /** Whether the caller has a session. */
  isAuthenticated(caller: C): boolean;
  /** The caller's session id, told to the client when it is not the one that the client sent. */
  sessionId(caller: C): string | undefined;
  /**
   * Checks that the object is there and that the caller holds the method's privilege on it; a privilege of null is
   * left to the handler.
   *
   * @throws VimFault `ManagedObjectNotFound`, `NoPermission`
   */
  authorize(call: VimCall<C>, privilege: string | null): void | Promise<void>;
  /**
   * The value of a property that the object's type has.
   *
   * @throws VimFault `ManagedObjectNotFound`, `NoPermission`
   */
  property(caller: C, self: ManagedObjectReference, name: string): unknown;
  /** Runs around every call, for journal, metrics and injected faults; calls `next` alone if absent. */
  around?(call: VimCall<C>, next: () => Promise<unknown>): Promise<unknown>;
}

/** What a call gave, and the type to encode it by. */
export interface CallResult {
  readonly type: TypeExpression;
  readonly value: unknown;
}

const ANONYMOUS = 'System.Anonymous';

/**
 * Calls a method: finds it, asks for a session and for its privilege, decodes the arguments and runs it.
 *
 * @param decode reads the arguments in the dialect of the request
 * @throws VimFault `MethodNotFound`, `NotSupported`, `NotAuthenticated`, and what decoding and the method throw
 */
export async function callMethod<C>(
  backend: VimBackend<C>,
  caller: C,
  self: ManagedObjectReference,
  name: string,
  decode: (method: Method) => Readonly<Record<string, unknown>>,
): Promise<CallResult> {
  const bound = backend.methods.find(self.type, name);
  if (!bound) throw unknownMember(self, name);
  const { method, invoke } = bound;
  if (method.privilege !== ANONYMOUS) requireSession(backend, caller, self, method.privilege);
  const call = { caller, self, member: name, method, args: decode(method) };
  const run = async (): Promise<unknown> => {
    await backend.authorize(call, method.privilege);
    return await invoke(caller, self, call.args);
  };
  return { type: method.result, value: await (backend.around?.(call, run) ?? run()) };
}

/**
 * Reads a property. `ServiceInstance.content` and `SessionManager.currentSession` need no session.
 *
 * @throws VimFault `InvalidProperty`, `NotAuthenticated`, and what the service throws
 */
export async function readProperty<C>(
  backend: VimBackend<C>,
  caller: C,
  self: ManagedObjectReference,
  name: string,
): Promise<CallResult> {
  const type = objectType(self.type)?.properties.get(name);
  if (!type) {
    throw new VimFault('InvalidProperty', `${self.type} has no property ${JSON.stringify(name)} here.`, {
      fields: { name },
    });
  }
  if (!ANONYMOUS_PROPERTIES.has(`${self.type}.${name}`)) requireSession(backend, caller, self, 'System.View');
  const call = { caller, self, member: name, args: {} };
  const run = async (): Promise<unknown> => await backend.property(caller, self, name);
  return { type, value: await (backend.around?.(call, run) ?? run()) };
}

const ANONYMOUS_PROPERTIES = new Set(['ServiceInstance.content', 'SessionManager.currentSession']);

function requireSession<C>(
  backend: VimBackend<C>,
  caller: C,
  self: ManagedObjectReference,
  privilege: string | null,
): void {
  if (backend.isAuthenticated(caller)) return;
  throw new VimFault(
    'NotAuthenticated',
    'The session is not authenticated. Log in with SessionManager.Login.',
    {
      fields: { object: self, privilegeId: privilege ?? 'System.View' },
    },
  );
}

function unknownMember(self: ManagedObjectReference, name: string): VimFault {
  if (objectType(self.type)?.methods.has(name)) {
    return new VimFault('NotSupported', `${self.type}.${name} exists in vSphere, but not in this service.`);
  }
  return new VimFault(
    'MethodNotFound',
    `${self.type} has no method ${JSON.stringify(name.slice(0, 80))} here.`,
    {
      fields: { receiver: self, method: name.slice(0, 80) },
    },
  );
}
