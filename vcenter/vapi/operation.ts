import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import type { Fields, StructureType, VapiType, VapiValue } from '../../wire/vapi/index.js';
import { structure } from '../../wire/vapi/index.js';
import type { PrivilegeId } from '../access/privileges.js';
import type { Session } from '../access/sessions.js';
import type { ProductVersion } from '../product-version.js';

/** A call as an operation sees it. */
export interface VapiCall<I = unknown> {
  readonly session: Session;
  /** Checked against the input's type. */
  readonly input: I;
  /** Aborted when the task of the call is cancelled. */
  readonly signal: AbortSignal;
}

/**
 * One operation of the vSphere Automation API. REST and JSON-RPC are both made from it: what differs between them is
 * told here, in the fields `method` to `query` for REST, `service` and `operation` for JSON-RPC.
 */
export interface VapiOperation {
  /** Canonical name of the service, for example `com.vmware.vcenter.trusted_infrastructure.principal`. */
  readonly service: string;
  /** For example `create`; a task operation is called `create$task` in JSON-RPC. */
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with parameters as express writes them; each is a member of the input. */
  readonly path: string;
  /** Value of the query parameter `action`, which tells operations on one path apart. */
  readonly action?: string;
  /** The action may be left out. */
  readonly actionOptional?: boolean;
  /** Member of the input that is the body; all that is neither in the path nor the body is in the query. */
  readonly body?: string;
  /** Largest body in bytes, where it may be longer than is usual. */
  readonly maxBodyBytes?: number;
  /** `only`: runs as a task (`vmw-task=true`, `…$task`); `never`: answers with its result. */
  readonly task: 'only' | 'never';
  /** Whether it changes something: two such tasks do not run on one cluster at the same time. */
  readonly changes: boolean;
  /** The task can be cancelled between two of its steps. */
  readonly cancelable?: boolean;
  readonly privilege: PrivilegeId;
  /** What the privilege is asked for on, of an input that is not checked yet; the root folder unless told. */
  readonly object?: (input: unknown) => ManagedObjectReference;
  /** First version that has the operation. */
  readonly since: ProductVersion;
  /** First version in which it is deprecated. */
  readonly deprecated?: ProductVersion;
  /** First version that has it no more. */
  readonly until?: ProductVersion;
  readonly input: StructureType;
  readonly output: VapiType;
  readonly run: (call: VapiCall) => unknown;
}

type Row<F extends Fields, O extends VapiType> = Omit<
  VapiOperation,
  'input' | 'output' | 'run' | 'object'
> & {
  readonly input: F;
  readonly output: O;
  readonly object?: (input: VapiValue<StructureType<F>>) => ManagedObjectReference;
  readonly run: (call: VapiCall<VapiValue<StructureType<F>>>) => VapiValue<O> | Promise<VapiValue<O>>;
};

/** An operation whose input and output types hold for its `run`. */
export function vapiOperation<const F extends Fields, O extends VapiType>(row: Row<F, O>): VapiOperation {
  return { ...row, input: structure('operation-input', row.input) } as unknown as VapiOperation;
}

/** Name of an operation in JSON-RPC. */
export function rpcName({ operation, task }: Pick<VapiOperation, 'operation' | 'task'>): string {
  return task === 'only' ? `${operation}$task` : operation;
}

/** Name of an operation in the journal, in faults and in metrics. */
export function fullName(row: VapiOperation): string {
  return `${row.service}.${rpcName(row)}`;
}
