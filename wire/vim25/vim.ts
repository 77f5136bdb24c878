import type { VIM_OBJECTS } from './objects/index.js';
import type { PrimitiveName, PrimitiveValues } from './primitives.js';
import type { ENUMERATIONS, VIM_TYPES } from './types/index.js';

/*
 * TypeScript types derived from the tables, so that a field is written down once.
 */

type Types = typeof VIM_TYPES;
type Objects = typeof VIM_OBJECTS;
type Enumerations = typeof ENUMERATIONS;

/** Name of a data type of the tables. */
export type TypeName = keyof Types;
/** Name of an enumerated type. */
export type EnumerationName = keyof Enumerations;
/** One value of an enumerated type, for example `EnumerationValue<'VirtualMachinePowerState'>`. */
export type EnumerationValue<N extends EnumerationName> = Enumerations[N][number];
/** Name of a managed object type of the tables. */
export type ObjectTypeName = keyof Objects;

type BaseOf<N extends TypeName> = Types[N]['extends'] extends infer B extends TypeName ? B : never;
type Descendant<N extends TypeName> = {
  [K in TypeName]: Types[K]['extends'] extends N ? K | Descendant<K> : never;
}[TypeName];

type Optional<F> = { [K in keyof F]: F[K] extends `${string}?${string}` ? K : never }[keyof F];
type Fields<F> = { readonly [K in Exclude<keyof F, Optional<F>>]: VimValue<F[K]> } & {
  readonly [K in Optional<F>]?: VimValue<F[K]> | undefined;
};
type FieldsOf<N extends TypeName> = [BaseOf<N>] extends [never]
  ? Fields<Types[N]['fields']>
  : Fields<Types[N]['fields']> & FieldsOf<BaseOf<N>>;

/** The name of a type or of one derived from it. */
export type TypeNameOf<N extends TypeName> = N | Descendant<N>;

/** The fields of a type, its own and those inherited from below `Root`. */
export type FieldsBelow<N extends TypeName, Root extends TypeName> = N extends Root
  ? unknown
  : Fields<Types[N]['fields']> & FieldsBelow<BaseOf<N>, Root>;

/** Names of the fields that a type, its own or inherited, must have. */
export type RequiredField<N extends TypeName> =
  | Exclude<keyof Types[N]['fields'], Optional<Types[N]['fields']>>
  | ([BaseOf<N>] extends [never] ? never : RequiredField<BaseOf<N>>);

/** An object of exactly this type: its discriminator `_typeName` and all its fields, inherited ones too. */
export type VimObject<N extends TypeName> = N extends TypeName
  ? { readonly _typeName: N } & FieldsOf<N>
  : never;

/** An object of this type or of one derived from it, told apart by `_typeName`: `Vim<'CryptoSpec'>`. */
export type Vim<N extends TypeName> = VimObject<TypeNameOf<N>>;

/** A primitive, an enumerated value or an array that stands where any type may stand, with its type beside it. */
export interface Boxed {
  /** `string`, `int`, …, an enumerated type, or `ArrayOf…`. */
  readonly _typeName: string;
  readonly _value: unknown;
}

/** A value of any type: an object of the tables, or a boxed one. */
export type AnyValue = Boxed | { readonly _typeName: string };

type Single<E> = E extends `&${string}`
  ? VimObject<'ManagedObjectReference'>
  : E extends PrimitiveName
    ? PrimitiveValues[E]
    : E extends EnumerationName
      ? EnumerationValue<E>
      : E extends TypeName
        ? Vim<E>
        : E extends 'anyType'
          ? AnyValue
          : E extends 'void'
            ? undefined
            : never;

/** The TypeScript type of a type expression, leaving its optionality to whoever asks. */
export type VimValue<E> = E extends `${infer Rest} secret`
  ? VimValue<Rest>
  : E extends `${infer Rest}?`
    ? VimValue<Rest>
    : E extends `${infer Rest}[]`
      ? readonly Single<Rest>[]
      : Single<E>;

/** A reference to a managed object. */
export type ManagedObjectReference = VimObject<'ManagedObjectReference'>;

type ObjectBase<M extends ObjectTypeName> = Objects[M]['extends'] extends infer B extends ObjectTypeName
  ? B
  : never;
type MethodsOf<M extends ObjectTypeName> = [ObjectBase<M>] extends [never]
  ? Objects[M]['methods']
  : Objects[M]['methods'] & MethodsOf<ObjectBase<M>>;
type PropertiesOf<M extends ObjectTypeName> = [ObjectBase<M>] extends [never]
  ? Objects[M]['properties']
  : Objects[M]['properties'] & PropertiesOf<ObjectBase<M>>;
type SignatureOf<M extends ObjectTypeName, N extends MethodName<M>> = MethodsOf<M>[N];

/** Name of a method that the managed object type has or inherits. */
export type MethodName<M extends ObjectTypeName> = keyof MethodsOf<M>;
/** Name of a property that the managed object type has or inherits. */
export type PropertyName<M extends ObjectTypeName> = keyof PropertiesOf<M>;
/** The value of a property. */
export type PropertyValue<M extends ObjectTypeName, P extends PropertyName<M>> =
  VimValue<PropertiesOf<M>[P]> | (PropertiesOf<M>[P] extends `${string}?` ? undefined : never);
/** The arguments of a method by name. */
export type MethodArguments<M extends ObjectTypeName, N extends MethodName<M>> =
  SignatureOf<M, N> extends { readonly params: infer P } ? Fields<P> : never;
/** What a method returns. */
export type MethodResult<M extends ObjectTypeName, N extends MethodName<M>> =
  SignatureOf<M, N> extends { readonly result: infer R extends string }
    ? VimValue<R> | (R extends `${string}?` ? undefined : never)
    : never;
