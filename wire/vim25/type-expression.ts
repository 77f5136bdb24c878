/**
 * How the tables of this folder write a type: `name`, `name[]` for an array, a leading `&` for a reference to a
 * managed object, a trailing `?` for optional and ` secret` for what no journal may show. Examples: `string`,
 * `CryptoKeyId?`, `&Datastore[]?`, `string? secret`. Own choice of notation; the facts are vSphere's.
 */
export interface TypeExpression {
  /** As written in the table. */
  readonly text: string;
  /** Primitive, enumerated, data or managed object type. */
  readonly name: string;
  readonly reference: boolean;
  readonly array: boolean;
  readonly optional: boolean;
  readonly secret: boolean;
}

/** One data type: its base and its own fields, in the order in which SOAP sends them. */
export interface TypeRow {
  readonly extends: string | null;
  readonly fields: Readonly<Record<string, string>>;
}

/** One method of a managed object. */
export interface MethodSignature {
  readonly params: Readonly<Record<string, string>>;
  /** `void` for none. */
  readonly result: string;
  /** Checked on the object called; null where the method decides by its arguments. */
  readonly privilege: string | null;
}

/** One managed object type: its base, its properties, and its methods by their names on the wire. */
export interface ObjectRow {
  readonly extends: string | null;
  readonly properties: Readonly<Record<string, string>>;
  readonly methods: Readonly<Record<string, MethodSignature>>;
}

const GRAMMAR = /^(&?)([A-Za-z0-9]+)(\[\])?(\?)?( secret)?$/;
const parsed = new Map<string, TypeExpression>();

/** Parses a type expression; each text is parsed once. @throws Error if the table is wrong, which is a defect */
export function typeExpression(text: string): TypeExpression {
  const known = parsed.get(text);
  if (known) return known;
  const [, reference, name, array, optional, secret] = GRAMMAR.exec(text) ?? [];
  if (name === undefined) throw new Error(`not a type expression: ${text}`);
  const expression: TypeExpression = {
    text,
    name,
    reference: reference === '&',
    array: array !== undefined,
    optional: optional !== undefined,
    secret: secret !== undefined,
  };
  parsed.set(text, expression);
  return expression;
}
