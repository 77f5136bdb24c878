import type { Dispatcher } from 'undici';

import { KpsimError } from '../core/errors.js';
import type { HttpAnswer, HttpClientOptions, VapiErrorType } from '../core/http/index.js';
import { HttpClient, HttpStatusError, VAPI_ERROR_TYPES } from '../core/http/index.js';
import type {
  AnyValue,
  ManagedObjectReference,
  MethodArguments,
  MethodName,
  MethodResult,
  ObjectTypeName,
  PropertyName,
  PropertyValue,
  VimObject,
} from '../wire/vim25/index.js';
import { VimFault, decodeFault, decodeJson, encodeJson, objectType } from '../wire/vim25/index.js';

/** Release of vim25 that the client speaks. */
const RELEASE = '8.0.3.0';
/** The header in which a session id travels. */
const SESSION_HEADER = 'vmware-api-session-id';
/** A vCenter answers at once or with a task; only a wait for updates takes longer. */
const DEFAULT_TIMEOUT_MS = 120_000;
/** One call of WaitForUpdatesEx waits so long at most. */
const WAIT_SECONDS = 20;
/** Tasks that take longer than this are given up on by the client; they run on at the vCenter. */
const TASK_TIMEOUT_MS = 30 * 60_000;

/** Tasks of the REST API are asked for again and again, as they cannot be waited for; first soon, then seldom. */
const FIRST_WAIT_MS = 5;
const LAST_WAIT_MS = 500;

/** How a vCenter is reached: by its authorities, or by the thumbprint of its certificate. */
export type VcenterClientOptions = Pick<
  HttpClientOptions,
  'baseUrl' | 'caPem' | 'pinnedThumbprintSha256' | 'timeoutMs'
> & {
  /** What the client calls itself. */
  readonly userAgent?: string;
};

/** `TaskInfo` of vim25. */
export type TaskInfo = VimObject<'TaskInfo'>;

/**
 * Speaks VI/JSON and REST to a vCenter; one client holds one session.
 *
 * Methods throw `VimFault` where the vCenter answered with one, `HttpStatusError` for an error answer of the REST API,
 * and `KpsimError` `unreachable` without an answer.
 */
export class VcenterClient {
  readonly #http: HttpClient;
  readonly #userAgent: string | undefined;
  #sessionId: string | undefined;

  constructor({ userAgent, ...options }: VcenterClientOptions) {
    this.#userAgent = userAgent;
    this.#http = new HttpClient({ timeoutMs: DEFAULT_TIMEOUT_MS, ...options });
  }

  /** The front door's address. */
  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  /** Id of the session; undefined before login. */
  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  /** Opens a session. @throws VimFault `InvalidLogin` */
  login(userName: string, password: string): Promise<VimObject<'UserSession'>> {
    return this.invoke('SessionManager', 'SessionManager', 'Login', { userName, password });
  }

  /** Ends the session, if there is one. */
  async logout(): Promise<void> {
    if (this.#sessionId === undefined) return;
    await this.invoke('SessionManager', 'SessionManager', 'Logout', {});
    this.#sessionId = undefined;
  }

  /** Ends the session, if that works, and closes all connections. */
  async close(): Promise<void> {
    await this.logout().catch(() => undefined); // the session ends by itself when it is idle
    await this.#http.close();
  }

  /** What a client reads first. */
  serviceContent(): Promise<VimObject<'ServiceContent'>> {
    return this.invoke('ServiceInstance', 'ServiceInstance', 'RetrieveServiceContent', {});
  }

  /** Calls a method of a managed object. */
  async invoke<M extends ObjectTypeName, N extends MethodName<M> & string>(
    moType: M,
    moId: string,
    name: N,
    args: MethodArguments<M, N>,
  ): Promise<MethodResult<M, N>> {
    const method = objectType(moType)?.methods.get(name);
    if (!method) throw new KpsimError('method_unknown', `${moType} has no method ${name}.`);
    const given = new Map(Object.entries(args));
    const body: Record<string, unknown> = {};
    for (const [field, type] of method.params) {
      const value = encodeJson(type, given.get(field));
      if (value !== undefined) body[field] = value;
    }
    const answer = await this.#vim('POST', moType, moId, name, body);
    if (method.result.name === 'void') return undefined as MethodResult<M, N>;
    return decodeJson(method.result, answer, name) as MethodResult<M, N>;
  }

  /** Calls a method that returns a task, waits for the task to end, and returns its result. */
  async run<M extends ObjectTypeName, N extends MethodName<M> & `${string}_Task`>(
    moType: M,
    moId: string,
    name: N,
    args: MethodArguments<M, N>,
  ): Promise<AnyValue | undefined> {
    const task: unknown = await this.invoke(moType, moId, name, args);
    return this.waitForTask(task as ManagedObjectReference); // every method so named returns one
  }

  /** Reads a property of a managed object. */
  async property<M extends ObjectTypeName, P extends PropertyName<M> & string>(
    moType: M,
    moId: string,
    name: P,
  ): Promise<PropertyValue<M, P>> {
    const type = objectType(moType)?.properties.get(name);
    if (!type) throw new KpsimError('property_unknown', `${moType} has no property ${name}.`);
    return decodeJson(type, await this.#vim('GET', moType, moId, name), name) as PropertyValue<M, P>;
  }

  /**
   * Waits until a task has ended, by a filter on its info, and returns its result.
   *
   * @throws VimFault the task's own fault
   * @throws KpsimError `task_timeout`
   */
  async waitForTask(
    task: ManagedObjectReference,
    timeoutMs = TASK_TIMEOUT_MS,
  ): Promise<AnyValue | undefined> {
    const collector = await this.invoke(
      'PropertyCollector',
      'propertyCollector',
      'CreatePropertyCollector',
      {},
    );
    try {
      await this.invoke('PropertyCollector', collector.value, 'CreateFilter', {
        partialUpdates: false,
        spec: {
          _typeName: 'PropertyFilterSpec',
          propSet: [{ _typeName: 'PropertySpec', type: 'Task', all: false, pathSet: ['info'] }],
          objectSet: [{ _typeName: 'ObjectSpec', obj: task, skip: false }],
        },
      });
      return await this.#ended(task, collector, Date.now() + timeoutMs);
    } finally {
      await this.invoke('PropertyCollector', collector.value, 'DestroyPropertyCollector', {});
    }
  }

  /** Calls the REST API with the session; the answer's JSON. */
  rest(method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<unknown> {
    return this.#http.json(method, path, body, this.#headers());
  }

  /**
   * Calls an operation of the REST API that runs as a task, waits for the task to end, and returns its result.
   *
   * @throws HttpStatusError with the task's own error
   * @throws KpsimError `task_timeout`
   */
  async restTask(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    timeoutMs = TASK_TIMEOUT_MS,
  ): Promise<unknown> {
    const task = await this.rest(method, `${path}${path.includes('?') ? '&' : '?'}vmw-task=true`, body);
    const deadline = Date.now() + timeoutMs;
    for (let waitMs = FIRST_WAIT_MS; Date.now() < deadline; waitMs = Math.min(waitMs * 2, LAST_WAIT_MS)) {
      const info = (await this.rest('GET', `/api/cis/tasks/${encodeURIComponent(String(task))}`)) as {
        readonly status: string;
        readonly result?: unknown;
        readonly error?: { readonly error_type?: string };
      };
      if (info.status === 'SUCCEEDED') return info.result;
      if (info.status === 'FAILED') throw taskError(`${method} ${this.baseUrl}${path}`, info.error);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    throw new KpsimError('task_timeout', `${String(task)} has not ended in time; it runs on at the vCenter.`);
  }

  /** As {@link rest}, with bytes or text and headers of one's own; whatever the status. */
  raw(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer> {
    return this.#http.raw(method, path, body, { ...this.#headers(), ...headers });
  }

  async #ended(
    task: ManagedObjectReference,
    collector: ManagedObjectReference,
    deadline: number,
  ): Promise<AnyValue | undefined> {
    let version = '';
    while (Date.now() < deadline) {
      const update = await this.invoke('PropertyCollector', collector.value, 'WaitForUpdatesEx', {
        version,
        options: { _typeName: 'WaitOptions', maxWaitSeconds: WAIT_SECONDS },
      });
      version = update?.version ?? version;
      const info = update?.filterSet
        ?.flatMap((set) => set.objectSet ?? [])
        .flatMap((object) => object.changeSet ?? [])
        .find(({ name }) => name === 'info')?.val as TaskInfo | undefined;
      if (info?.state === 'success') return info.result;
      if (info?.state === 'error' && info.error) throw faultOf(info.error);
    }
    throw new KpsimError('task_timeout', `${task.value} has not ended in time; it runs on at the vCenter.`);
  }

  async #vim(
    method: 'GET' | 'POST',
    moType: string,
    moId: string,
    member: string,
    body?: unknown,
  ): Promise<unknown> {
    const path = `/sdk/vim25/${RELEASE}/${moType}/${encodeURIComponent(moId)}/${member}`;
    const answer = await this.#http.raw(method, path, body === undefined ? undefined : JSON.stringify(body), {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...this.#headers(),
    });
    const json = answer.body.length === 0 ? undefined : parseJson(answer.body);
    if (answer.status >= 400) {
      if (answer.status === 500) throw decodeFault(json);
      throw new HttpStatusError(`${method} ${this.baseUrl}${path}`, answer.status, json);
    }
    const session = answer.headers[SESSION_HEADER];
    if (typeof session === 'string') this.#sessionId = session;
    return json;
  }

  #headers(): Record<string, string> {
    return {
      ...(this.#userAgent !== undefined && { 'user-agent': this.#userAgent }),
      ...(this.#sessionId !== undefined && { [SESSION_HEADER]: this.#sessionId }),
    };
  }
}

/** A fault that came inside a task, an event or a check result, as an error. */
export function faultOf(localized: VimObject<'LocalizedMethodFault'>): VimFault {
  return VimFault.from(localized.fault, localized.localizedMessage ?? localized.fault._typeName);
}

/** The numbers of the migration rules that a fault names, for example `['XVC-3']`. */
export function rulesOf(fault: VimFault): readonly string[] {
  return fault.faultMessage.flatMap(({ key }) =>
    key.startsWith('kpsim.rule.') ? key.slice('kpsim.rule.'.length) : [],
  );
}

/** The error of a task as the operation would have answered it, were it none. */
function taskError(request: string, error: { readonly error_type?: string } | undefined): HttpStatusError {
  const type = error?.error_type ?? '';
  const known = Object.hasOwn(VAPI_ERROR_TYPES, type);
  return new HttpStatusError(request, known ? VAPI_ERROR_TYPES[type as VapiErrorType] : 500, error);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (error) {
    throw new KpsimError('answer_invalid', 'The vCenter did not answer JSON.', { cause: error });
  }
}
