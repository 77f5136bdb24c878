import type {
  Attribute,
  ProtocolVersionName,
  RequestPayload,
  ResponsePayload,
  TypedOperation,
} from '../../wire/kmip/index.js';
import type { BatchRequest, BatchResult, HeaderOptions } from './session.js';
import { onlyPayload } from './session.js';
import type { AttributeInput } from './version-form.js';
import { demandAttributes, demandFields, demandOperation, toAttribute } from './version-form.js';

/** Something that carries batches: a client (any pooled connection), or one connection of its own. */
export interface BatchCarrier {
  /** @throws KmipError if the whole message is refused, KmipConnectionError if no answer comes */
  request(batch: readonly BatchRequest[], options?: HeaderOptions): Promise<readonly BatchResult[]>;
}

/**
 * What all operations stand on. The operations of a client are methods in the classes that extend this one, a file
 * for each kind; the last of them is `KmipOperations`.
 */
export abstract class Performer implements BatchCarrier {
  /** The version in request headers; what is sent has its form. */
  abstract readonly protocolVersion: ProtocolVersionName;

  abstract request(batch: readonly BatchRequest[], options?: HeaderOptions): Promise<readonly BatchResult[]>;

  /**
   * Sends one operation and waits for its answer.
   *
   * @throws KmipError with the server's reason; before anything is sent, `OperationNotSupported` or `InvalidField` if
   *   the protocol version has no such operation or field
   * @throws KmipConnectionError
   */
  async perform<O extends TypedOperation>(
    operation: O,
    payload: RequestPayload<O>,
    options?: HeaderOptions,
  ): Promise<ResponsePayload<O>> {
    const item = this.item(operation, payload);
    return onlyPayload<O>(await this.request([item], options));
  }

  /** One operation of a batch. @throws KmipError as {@link perform} does before anything is sent */
  protected item<O extends TypedOperation>(operation: O, payload: RequestPayload<O>): BatchRequest {
    demandOperation(operation, this.protocolVersion);
    demandFields(operation, payload, this.protocolVersion);
    return { operation, payload } as BatchRequest;
  }

  /** @throws KmipError `UnsupportedAttribute` if the version has not all of them */
  protected attributesOf(inputs: readonly AttributeInput[] = []): readonly Attribute[] {
    demandAttributes(
      inputs.map(({ name }) => name),
      this.protocolVersion,
    );
    return inputs.map(toAttribute);
  }

  /** Attributes of a new object: Template-Attribute in 1.x, Attributes in 2.x. */
  protected wanted(inputs: readonly AttributeInput[]): {
    readonly templateAttribute: { readonly attributes: readonly Attribute[] };
    readonly attributes: readonly Attribute[];
  } {
    const attributes = this.attributesOf(inputs);
    return { templateAttribute: { attributes }, attributes };
  }
}
