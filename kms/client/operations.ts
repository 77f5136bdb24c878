import type {
  NameIn,
  ProtocolVersion,
  RequestPayload,
  ResponsePayload,
  Right,
  Ticket,
} from '../../wire/kmip/index.js';
import { AsynchronousOperations } from './asynchronous.js';

/** How long and how often a ticket is good. KMIP 2.1 §6.1.30. */
export type LoginLimits = RequestPayload<'Login'>;

/**
 * Every operation of a KMIP client, as methods. They throw a KmipError with the server's Result Reason if it refuses,
 * or before anything is sent if the protocol version has no such operation, field or attribute; and a
 * KmipConnectionError if no answer comes. Identifiers are Unique Identifiers.
 */
export abstract class KmipOperations extends AsynchronousOperations {
  /** Versions that both sides speak, the server's preferred first; KMIP 1.1 and later (1.4 §4.26, 2.1 §6.1.16). */
  async discoverVersions(offered?: readonly ProtocolVersion[]): Promise<readonly ProtocolVersion[]> {
    const { protocolVersions } = await this.perform('DiscoverVersions', { protocolVersions: offered });
    return protocolVersions ?? [];
  }

  /** Asks what the server can do. KMIP 1.4 §4.25, KMIP 2.1 §6.1.40. */
  query(functions: readonly NameIn<'QueryFunction'>[]): Promise<ResponsePayload<'Query'>> {
    return this.perform('Query', { queryFunctions: functions });
  }

  /** Asks the server for a sign of life; KMIP 2.1 §6.1.36. */
  async ping(): Promise<void> {
    await this.perform('Ping', {});
  }

  /** Writes a line into the server's log; KMIP 2.0 and later (2.1 §6.1.29). */
  async log(logMessage: string): Promise<void> {
    await this.perform('Log', { logMessage });
  }

  /**
   * Asks for a ticket, with which a client shows who it is: see `KmipClient.withCredential`. KMIP 2.0 and later
   * (2.1 §6.1.30).
   */
  async login(limits: LoginLimits = {}): Promise<Ticket> {
    return (await this.perform('Login', limits)).ticket;
  }

  /** Asks for a ticket for somebody else, with these rights only; KMIP 2.0 and later (2.1 §6.1.12). */
  async delegatedLogin(rights: readonly Right[], limits: LoginLimits = {}): Promise<Ticket> {
    return (await this.perform('DelegatedLogin', { ...limits, rights: { rights } })).ticket;
  }

  /** Makes a ticket worthless; KMIP 2.0 and later (2.1 §6.1.31). */
  async logout(ticket: Ticket): Promise<void> {
    await this.perform('Logout', { ticket });
  }

  /** Asks which end of the connection is the server; KMIP 2.1 (§6.1.54). */
  async setEndpointRole(endpointRole: NameIn<'EndpointRole'>): Promise<NameIn<'EndpointRole'> | number> {
    return (await this.perform('SetEndpointRole', { endpointRole })).endpointRole;
  }

  /** Calls a function of PKCS #11; KMIP 2.0 and later (2.1 §6.1.37). */
  pkcs11(call: RequestPayload<'PKCS_11'>): Promise<ResponsePayload<'PKCS_11'>> {
    return this.perform('PKCS_11', call);
  }

  /** Marks begin, end or reset of an interoperability test; KMIP 2.0 and later (2.1 §6.1.26). */
  async interop(interopFunction: NameIn<'InteropFunction'>, interopIdentifier: string): Promise<void> {
    await this.perform('Interop', { interopFunction, interopIdentifier });
  }
}
