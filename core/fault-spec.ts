import * as z from 'zod';

/** What happens to a request that a fault matches. */
const requestActions = [
  /** Answer late. */
  z.strictObject({ kind: z.literal('delay'), delayMs: z.number().int().min(0).max(600_000) }),
  /** Do not answer at all; `before` or `after` the work was done durably. */
  z.strictObject({ kind: z.literal('drop'), when: z.enum(['before', 'after']) }),
  /** Reset the connection instead of answering. */
  z.strictObject({ kind: z.literal('reset') }),
  /** Close the connection instead of answering, without the end of TLS (close_notify). */
  z.strictObject({ kind: z.literal('hangUp') }),
  /** Send the first half of the answer, then close the connection. */
  z.strictObject({ kind: z.literal('truncate') }),
  /** Answer with this reason of the protocol, for example `General Failure` or `NOT_FOUND`. */
  z.strictObject({ kind: z.literal('error'), reason: z.string().min(1).max(200) }),
  /** Answer with wrong key material of the right length. */
  z.strictObject({ kind: z.literal('corrupt') }),
] as const;

/** What happens to a new connection that a fault matches. */
const connectionActions = [
  /** Present a server certificate that has expired. */
  z.strictObject({ kind: z.literal('expiredCertificate') }),
] as const;

/** How a whole service is as long as the fault is there. */
const conditions = [
  /** Refuse connections, accept and reset them, or let them stand without ever answering. */
  z.strictObject({ kind: z.literal('down'), how: z.enum(['refuse', 'reset', 'silent']).default('refuse') }),
  /** Read what was stored that long ago, as a replica does that lags behind. */
  z.strictObject({ kind: z.literal('lag'), lagMs: z.number().int().min(1).max(86_400_000) }),
] as const;

/** What a fault does. */
export const faultActionSchema = z.discriminatedUnion('kind', [
  ...requestActions,
  ...connectionActions,
  ...conditions,
]);

/** One injected fault: what it matches, what it does, and how often. Own choice, modelled on HTTP fault filters. */
export const faultSpecSchema = z
  .strictObject({
    /** Service instance, for example `kms-1`; any if absent. */
    service: z.string().optional(),
    /** Operation in the protocol's words, for example `Get`; any if absent. */
    operation: z.string().optional(),
    /** Client by its certificate's common name or user name; any if absent. */
    client: z.string().optional(),
    /** Object id; any if absent. */
    object: z.string().optional(),
    action: faultActionSchema,
    /** Share of matching requests (or connections) that are hit. */
    probability: z.number().min(0).max(1).default(1),
    /** Matching requests let through first. */
    skip: z.number().int().min(0).default(0),
    /** Requests hit before the fault is spent; endless if absent. */
    count: z.number().int().min(1).optional(),
  })
  .refine(
    ({ action, operation, client, object }) =>
      isRequestAction(action) || (operation ?? client ?? object) === undefined,
    { message: 'this action is about whole connections or services: give no operation, client or object' },
  )
  .refine(
    ({ action, probability, skip, count }) =>
      !isCondition(action) || (probability === 1 && skip === 0 && count === undefined),
    {
      message: 'this action lasts until the fault is taken back: give no probability, skip or count',
    },
  );

/** What a fault does, as in {@link faultActionSchema}. */
export type FaultAction = z.infer<typeof faultActionSchema>;
/** What a fault does to a request. */
export type RequestFaultAction = z.infer<(typeof requestActions)[number]>;
/** What a fault does to a connection. */
export type ConnectionFaultAction = z.infer<(typeof connectionActions)[number]>;
/** How a service is as long as a fault is there. */
export type FaultCondition = z.infer<(typeof conditions)[number]>;
/** A fault as a user writes it, defaults not yet filled in. */
export type FaultSpec = z.input<typeof faultSpecSchema>;

/** The kinds of actions, by what they are about. */
export const FAULT_KINDS = {
  request: kindsOf(requestActions),
  connection: kindsOf(connectionActions),
  condition: kindsOf(conditions),
} as const;

function kindsOf(
  schemas: readonly { readonly shape: { readonly kind: z.ZodLiteral<string> } }[],
): ReadonlySet<string> {
  return new Set(schemas.map(({ shape }) => shape.kind.value));
}

/** Whether it is about one request. */
export function isRequestAction(action: FaultAction): action is RequestFaultAction {
  return FAULT_KINDS.request.has(action.kind);
}

/** Whether it is about a new connection. */
export function isConnectionAction(action: FaultAction): action is ConnectionFaultAction {
  return FAULT_KINDS.connection.has(action.kind);
}

/** Whether it lasts as long as the fault is there. */
export function isCondition(action: FaultAction): action is FaultCondition {
  return FAULT_KINDS.condition.has(action.kind);
}
