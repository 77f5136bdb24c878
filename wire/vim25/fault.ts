import { KpsimError } from '../../core/errors.js';
import { isType } from './registry.js';
import type { FieldsBelow, RequiredField, TypeNameOf, Vim, VimObject } from './vim.js';

/** Name of a fault of the tables. */
export type FaultName = TypeNameOf<'MethodFault'>;

/** The fields of each fault beyond those of every fault. */
export type FaultFieldsByName = { readonly [N in FaultName]: FieldsBelow<N, 'MethodFault'> };
/** The fields of a fault beyond those of every fault. */
export type FaultFields<N extends FaultName> = FaultFieldsByName[N];

/** A message key with its text, `LocalizableMessage`; arguments are told as strings. */
export interface FaultMessage {
  /** For example `msg.hostd.configSpec.enc.mismatch` or `kpsim.rule.XVC-3`. */
  readonly key: string;
  readonly message: string;
  readonly arg?: Readonly<Record<string, string>> | undefined;
}

/** What a {@link VimFault} carries besides name and text. */
export interface FaultOptions<N extends FaultName> extends ErrorOptions {
  readonly fields?: FaultFields<N> | undefined;
  readonly faultMessage?: readonly FaultMessage[] | undefined;
  /** The fault behind this one, told to the client; `cause` is for the log alone. */
  readonly faultCause?: VimFault | undefined;
}

/** Options are needed only where the one fault named has fields that must be there. */
type OptionsOf<N extends FaultName> = [FaultName] extends [N]
  ? [options?: Omit<FaultOptions<'MethodFault'>, 'fields'> & { readonly fields?: object | undefined }]
  : [RequiredField<N>] extends [never]
    ? [options?: FaultOptions<N>]
    : [options: FaultOptions<N> & { readonly fields: FaultFields<N> }];

/**
 * An error of the vSphere Web Services dialect: one fault of the tables with its fields.
 *
 * Example: `new VimFault('EncryptionKeyRequired', 'The host lacks a key.', { fields: { requiredKey: [keyId] } })`.
 */
export interface VimFault<N extends FaultName = FaultName> extends KpsimError {
  /** The fault's type name. */
  readonly fault: N;
  /** The fault's own fields; {@link fieldsOf} gives them with their types. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly faultMessage: readonly FaultMessage[];
  readonly faultCause: VimFault | undefined;
  /** Whether this is the fault named or one derived from it. */
  is(name: FaultName): boolean;
  /** The fields, if this is the fault named or one derived from it; undefined otherwise. */
  fieldsOf<F extends FaultName>(name: F): FaultFields<F> | undefined;
  /** The fault as a data object, as both dialects encode it. */
  toMethodFault(): Vim<'MethodFault'>;
  /** The fault with its text, as tasks, events and check results carry it. */
  toLocalizedMethodFault(): VimObject<'LocalizedMethodFault'>;
}

/** Makes a {@link VimFault}: its constructor holds the fault's name and fields together. */
export interface VimFaultConstructor {
  readonly prototype: VimFault;
  /**
   * @param name fault of the tables
   * @param message what went wrong and what to do next; it becomes the fault's text
   * @param rest fields (where the fault has any that must be there), message keys, causes
   */
  new <N extends FaultName>(name: N, message: string, ...rest: OptionsOf<N>): VimFault<N>;
  /** Takes up a fault that a peer told; `text` is its localized message. */
  from(fault: Vim<'MethodFault'>, text: string): VimFault;
}

class Fault extends KpsimError {
  readonly fault: FaultName;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly faultMessage: readonly FaultMessage[];
  readonly faultCause: VimFault | undefined;

  constructor(name: FaultName, message: string, ...[options = {}]: OptionsOf<FaultName>) {
    super(snakeCase(name), message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'VimFault';
    this.fault = name;
    this.fields = { ...options.fields };
    this.faultMessage = options.faultMessage ?? [];
    this.faultCause = options.faultCause;
  }

  is(name: FaultName): boolean {
    return isType(this.fault, name);
  }

  fieldsOf<F extends FaultName>(name: F): FaultFields<F> | undefined {
    return this.is(name) ? (this.fields as FaultFields<F>) : undefined;
  }

  toMethodFault(): Vim<'MethodFault'> {
    return {
      ...this.fields,
      _typeName: this.fault,
      ...(this.faultCause && { faultCause: this.faultCause.toLocalizedMethodFault() }),
      ...(this.faultMessage.length > 0 && { faultMessage: this.faultMessage.map(localizableMessage) }),
    } as Vim<'MethodFault'>; // the constructor has held fields and name together
  }

  toLocalizedMethodFault(): VimObject<'LocalizedMethodFault'> {
    return {
      _typeName: 'LocalizedMethodFault',
      fault: this.toMethodFault(),
      localizedMessage: this.message,
    };
  }

  static from(fault: Vim<'MethodFault'>, text: string): Fault {
    const { _typeName, faultCause, faultMessage, ...fields } = fault;
    return new Fault(_typeName, text, {
      fields,
      faultMessage: (faultMessage ?? []).map(faultMessageOf),
      faultCause: faultCause && Fault.from(faultCause.fault, faultCause.localizedMessage ?? ''),
    });
  }
}

/** The class of {@link VimFault}; its declared constructor is stricter than the one behind it. */
export const VimFault: VimFaultConstructor = Fault as VimFaultConstructor;

/**
 * Anything thrown as the dialect says it. A `KpsimError` tells its own text in a `SystemError`; what nobody
 * expected becomes a `SystemError` with generic text, its details kept as `cause` for the log.
 */
export function toVimFault(error: unknown): VimFault {
  if (error instanceof VimFault) return error;
  const text =
    error instanceof KpsimError
      ? error.message
      : 'A general system error occurred; the log of the service has the details.';
  return new VimFault('SystemError', text, { fields: { reason: text }, cause: error });
}

/** A message as a peer told it, its arguments as strings again. */
function faultMessageOf({ key, message, arg }: VimObject<'LocalizableMessage'>): FaultMessage {
  const texts = (arg ?? []).flatMap(({ key: name, value }): [string, string][] =>
    '_value' in value && typeof value._value === 'string' ? [[name, value._value]] : [],
  );
  return { key, message: message ?? '', ...(texts.length > 0 && { arg: Object.fromEntries(texts) }) };
}

function localizableMessage({ key, message, arg }: FaultMessage): VimObject<'LocalizableMessage'> {
  return {
    _typeName: 'LocalizableMessage',
    key,
    message,
    ...(arg && {
      arg: Object.entries(arg).map(([name, value]) => ({
        _typeName: 'KeyAnyValue' as const,
        key: name,
        value: { _typeName: 'string', _value: value },
      })),
    }),
  };
}

function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
