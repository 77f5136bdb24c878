/** What the load generator is told: the messages between {@link LoadGenerator} and its process. */
export type LoadCommand =
  | { readonly kind: 'connect'; readonly target: string; readonly options: TargetOptions }
  | { readonly kind: 'measure'; readonly target: string; readonly options: MeasureOptions }
  | { readonly kind: 'disconnect'; readonly target: string };

/** Told from one another by how their responses are framed. */
export type FramingName = 'ttlv' | 'http';

/** A server to be loaded. */
export interface TargetOptions {
  readonly host: string;
  readonly port: number;
  readonly tlsVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly connections: number;
  readonly framing: FramingName;
  /** PEM files of the client. */
  readonly caPath: string;
  readonly certificatePath: string;
  readonly privateKeyPath: string;
}

/** One measurement: every connection sends the requests in turn, one under way at a time. */
export interface MeasureOptions {
  readonly requests: readonly Buffer[];
  readonly milliseconds: number;
}

/** What was measured. */
export interface Measured {
  readonly responses: number;
  readonly seconds: number;
  /** Processor time of the process that loads, in seconds. */
  readonly cpuSeconds: number;
  /** Milliseconds from the request to the end of its response. */
  readonly latency: { readonly p50: number; readonly p99: number };
  /** Bytes of the last response, and the response itself. */
  readonly sample: Buffer;
  /** For example `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
}

/** The answer to a {@link LoadCommand}. */
export type LoadReply =
  | { readonly kind: 'done' }
  | { readonly kind: 'measured'; readonly measured: Measured }
  | { readonly kind: 'failed'; readonly message: string };
