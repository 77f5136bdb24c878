import type * as z from 'zod';

/**
 * Who may call an operation: an administrator of the service, any client with a trusted certificate, or a service of the
 * same cluster.
 */
export type Access = 'administrator' | 'client' | 'member';

/** Who is at the other end of a connection, by its verified client certificate. */
export interface ClientIdentity {
  /** Common name of the certificate; empty if it has none. */
  readonly name: string;
  /** `x5t#S256` of the certificate (RFC 8705). */
  readonly certificateSha256: string;
}

/** A request as an operation sees it. */
export interface OperationRequest<B = unknown> {
  readonly client: ClientIdentity;
  /** The parameters of the path. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The validated body. */
  readonly body: B;
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The principal token, see `PRINCIPAL_HEADER`. */
  readonly principal: string | undefined;
}

/** One REST operation: everything the router must know of it. */
export interface Operation {
  /** Name in the journal, in faults and in metrics, for example `attestation.report.attest`. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path; a segment that begins with a colon is a parameter. */
  readonly path: string;
  /** Value of the query parameter `action`, which tells operations on one path apart. */
  readonly action?: string;
  readonly access: Access;
  /** Schema of a JSON body, or the most bytes of a binary one; none if there is no body. */
  readonly body: z.ZodType | { readonly maxBytes: number } | undefined;
  /** Most bytes of a JSON body, where it may be longer than is usual. */
  readonly maxJsonBytes?: number;
  /** Makes the answer's body; undefined answers 204. */
  readonly run: (request: OperationRequest) => unknown;
  /** HTTP status of an answer with a body; 200 unless told. */
  readonly status?: number;
  /** What is noted of the request in the journal, free of secrets. */
  readonly journal?: (request: OperationRequest, answer: unknown) => Readonly<Record<string, unknown>>;
  /** The answer with wrong content of the right length, for the fault `corrupt`. */
  readonly corrupt?: (answer: unknown) => unknown;
}

type Row = Omit<Operation, 'body' | 'run' | 'journal'>;

/** An operation without a body. */
export function operation(
  row: Row & {
    readonly run: (request: OperationRequest<undefined>) => unknown;
    readonly journal?: NonNullable<Operation['journal']>;
  },
): Operation {
  return { ...row, body: undefined, run: row.run as Operation['run'] };
}

/** An operation with a JSON body. */
export function jsonOperation<S extends z.ZodType>(
  row: Row & {
    readonly body: S;
    readonly run: (request: OperationRequest<z.output<S>>) => unknown;
    readonly journal?: (
      request: OperationRequest<z.output<S>>,
      answer: unknown,
    ) => Readonly<Record<string, unknown>>;
  },
): Operation {
  return { ...row, run: row.run as Operation['run'] } as Operation;
}

/** An operation with a body of bytes. */
export function binaryOperation(
  row: Row & { readonly maxBytes: number; readonly run: (request: OperationRequest<Buffer>) => unknown },
): Operation {
  const { maxBytes, run, ...rest } = row;
  return { ...rest, body: { maxBytes }, run: run as Operation['run'] };
}
