import type * as z from 'zod';

/** Who may call: whoever the front door sends, or only users with this privilege at the vCenter. */
export type Access = 'front-door' | 'Cryptographer.ManageKeyServers' | 'Cryptographer.ReadKeyServersInfo';

/** A request as an operation sees it. */
export interface OperationRequest<B = unknown> {
  /** Parameters of the path, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The query, without `action`. */
  readonly query: Readonly<Record<string, unknown>>;
  /** The validated body. */
  readonly body: B;
  /** Address of the vCenter as the client knows it, `https://host:port`; undefined if nobody said. */
  readonly publicUrl: string | undefined;
  /** Whether an injected fault wants wrong key material. */
  readonly corrupted: boolean;
}

/** One REST operation: everything the router must know of it. */
export interface Operation {
  /** Name in the journal, in faults and in metrics, for example `kms.providers.export`. */
  readonly name: string;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Path with parameters as express writes them. */
  readonly path: string;
  /** Value of the query parameter `action`, which tells operations on one path apart. */
  readonly action?: string | undefined;
  readonly access: Access;
  readonly body?: z.ZodType | undefined;
  /** Makes the answer's body; undefined answers 204. */
  readonly run: (request: OperationRequest) => unknown;
}

/** An operation whose body is held to a schema. */
export function operation<S extends z.ZodType>(
  row: Omit<Operation, 'body' | 'run'> & {
    readonly body: S;
    readonly run: (request: OperationRequest<z.output<S>>) => unknown;
  },
): Operation {
  return { ...row, run: (request) => row.run(request as OperationRequest<z.output<S>>) };
}

/** A parameter of the path; its absence is a defect. */
export function parameter(request: OperationRequest, name: string): string {
  const value = request.parameters[name];
  if (value === undefined) throw new Error(`the path has no parameter ${name}`);
  return value;
}
