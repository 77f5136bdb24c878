/** One socket that a running service listens on. */
export interface Endpoint {
  /** What it is for, unique within the service, for example `kmip` or `vmotion`. */
  readonly name: string;
  /** Address with scheme, for example `https://127.0.0.1:40123` or `kmip://127.0.0.1:5696`. */
  readonly url: string;
  /** Host part of the address. */
  readonly host: string;
  /** The port really bound, also when 0 was asked for. */
  readonly port: number;
}

/** How a service is, as `/readyz` reports it. */
export interface Health {
  /** `down` answers 503 on `/readyz`. */
  readonly status: 'ok' | 'degraded' | 'down';
  /** What is wrong and what to do about it; empty when all is well. */
  readonly details: readonly string[];
}

/** What every service of kpsim can do; `lab` composes services by this face alone. */
export interface Service {
  /** The instance's name, for example `kms-1` or `esx-east-1`. */
  readonly name: string;
  /** Binds all sockets; resolves when requests are answered. */
  start(): Promise<readonly Endpoint[]>;
  /** Closes every socket, timer and file; may be called more than once. */
  stop(): Promise<void>;
  /** How it is now; cheap enough to be asked every second. */
  health(): Health;
}

/** The endpoint of that name. @throws Error if the service has none of that name, which is a defect */
export function endpointNamed(endpoints: readonly Endpoint[], name: string): Endpoint {
  const found = endpoints.find((endpoint) => endpoint.name === name);
  if (!found) throw new Error(`no endpoint named ${name} among ${endpoints.map((e) => e.name).join(', ')}`);
  return found;
}
