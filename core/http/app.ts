import type { Express, RequestHandler } from 'express';
import express from 'express';

/** Largest JSON body accepted, in bytes. */
export const JSON_LIMIT_BYTES = 1024 * 1024;

/** An express application that tells nothing of itself. Body parsers are added per route group. */
export function createApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  return app;
}

/**
 * Parses JSON bodies up to {@link JSON_LIMIT_BYTES}; compressed ones are refused.
 *
 * @param of `anything` takes a body for JSON whatever its content type says
 */
export function jsonBody(
  of: 'application/json' | 'anything' = 'application/json',
): ReturnType<typeof express.json> {
  const type = of === 'anything' ? () => true : of;
  return express.json({ limit: JSON_LIMIT_BYTES, strict: false, inflate: false, type });
}

/** Parses bodies of any type as bytes, up to `limitBytes`; compressed ones are refused. */
export function binaryBody(limitBytes: number): RequestHandler {
  return express.raw({ limit: limitBytes, inflate: false, type: () => true });
}
