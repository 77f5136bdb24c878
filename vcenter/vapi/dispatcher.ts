import { VapiError, validate } from '../../core/http/index.js';
import type { VapiType } from '../../wire/vapi/index.js';
import { string } from '../../wire/vapi/index.js';
import type { Session } from '../access/sessions.js';
import { LAB_SET_UP } from '../access/sessions.js';
import { referenceTo } from '../inventory/entities.js';
import { ROOT_FOLDER } from '../inventory/inventory.js';
import { isAtLeast } from '../product-version.js';
import { INVENTORY_NAMES } from '../rest/inventory.js';
import type { Vcenter } from '../vcenter.js';
import type { VapiOperation } from './operation.js';
import { fullName, rpcName } from './operation.js';

/** What a task operation answers: the id of its task. */
const taskId: VapiType = string();
const NEVER = new AbortController().signal;

/** Performs operations of the vAPI for REST and JSON-RPC alike: version, privilege, input, then the work or its task. */
export class VapiDispatcher {
  readonly operations: readonly VapiOperation[];
  readonly #vcenter: Vcenter;
  readonly #byName: ReadonlyMap<string, VapiOperation>;
  readonly #told = new Set<string>();

  constructor(vcenter: Vcenter, operations: readonly VapiOperation[]) {
    this.#vcenter = vcenter;
    this.operations = operations;
    this.#byName = new Map(operations.map((row) => [`${row.service} ${rpcName(row)}`, row]));
  }

  /** The operation of a JSON-RPC call. @throws VapiError `OPERATION_NOT_FOUND` */
  find(service: string, operation: string): VapiOperation {
    const row = this.#byName.get(`${service} ${operation}`);
    if (row) return row;
    const named = `${service.slice(0, 200)}.${operation.slice(0, 80)}`;
    throw new VapiError(
      'OPERATION_NOT_FOUND',
      `This vCenter has no operation ${named} in JSON-RPC. ${this.#whatThereIs(service)}`,
    );
  }

  /** The operations of this vCenter's version. */
  get offered(): readonly VapiOperation[] {
    const { version } = this.#vcenter.config;
    return this.operations.filter(
      ({ since, until }) => isAtLeast(version, since) && (until === undefined || !isAtLeast(version, until)),
    );
  }

  /** Whether this vCenter's version has an operation still, but will not for long. */
  isDeprecated({ deprecated }: VapiOperation): boolean {
    return deprecated !== undefined && isAtLeast(this.#vcenter.config.version, deprecated);
  }

  /** Type of what {@link perform} answers. */
  answerType(row: VapiOperation): VapiType {
    return row.task === 'only' ? taskId : row.output;
  }

  /**
   * Performs an operation, or starts its task.
   *
   * @throws VapiError `OPERATION_NOT_FOUND` for another version, `INVALID_ARGUMENT`, and what the operation throws
   * @throws VimFault `NoPermission`
   */
  perform(row: VapiOperation, session: Session, given: unknown): unknown {
    const { authorization, config, restTasks } = this.#vcenter;
    refuseOtherVersion(row, config.version);
    this.#tellDeprecated(row, session);
    /* Who has no right on the object is not told what the input should be: its id is read before the rest. */
    const object = (isRecord(given) ? row.object?.(given) : undefined) ?? referenceTo('Folder', ROOT_FOLDER);
    authorization.demand(session.principal, object, row.privilege);
    const input = validate(row.input.schema, given, 'The input');
    if (row.task === 'never') return row.run({ session, input, signal: NEVER });
    const target = object.type === 'Folder' ? undefined : { type: object.type, id: object.value };
    const subject = {
      service: row.service,
      operation: rpcName(row),
      target,
      user: session.principal.name,
      output: row.output,
      changes: row.changes,
      cancelable: row.cancelable ?? false,
    };
    return restTasks.start(subject, (signal) => row.run({ session, input, signal }));
  }

  #whatThereIs(service: string): string {
    const known = this.operations.filter((row) => row.service === service).map(rpcName);
    if (known.length > 0) return `The service has ${known.join(', ')}.`;
    const listed = INVENTORY_NAMES.find((name) => service.toLowerCase() === `com.vmware.vcenter.${name}`);
    return listed === undefined
      ? 'JSON-RPC has trusted infrastructure, power of VMs, sessions and tasks; check the names, or use REST or VI/JSON.'
      : `Use REST, GET /api/vcenter/${listed}, or VI/JSON: JSON-RPC has trusted infrastructure, power of VMs, sessions and tasks.`;
  }

  /** Once per operation, into the log; a lab that sets itself up need not be told. */
  #tellDeprecated(row: VapiOperation, { userAgent }: Session): void {
    if (!this.isDeprecated(row) || userAgent === LAB_SET_UP || this.#told.has(fullName(row))) return;
    this.#told.add(fullName(row));
    this.#vcenter.context.log.info(
      { operation: fullName(row) },
      `deprecated since vSphere ${row.deprecated ?? ''}`,
    );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** @throws VapiError `OPERATION_NOT_FOUND` */
function refuseOtherVersion(row: VapiOperation, version: string): void {
  if (!isAtLeast(version, row.since)) {
    throw new VapiError(
      'OPERATION_NOT_FOUND',
      `vSphere ${version} does not have ${fullName(row)} yet; give the vCenter the version ${row.since} or later.`,
    );
  }
  if (row.until !== undefined && isAtLeast(version, row.until)) {
    throw new VapiError(
      'OPERATION_NOT_FOUND',
      `vSphere ${version} has ${fullName(row)} no more; give the vCenter a version before ${row.until}.`,
    );
  }
}
