import type { Router } from 'express';
import express from 'express';

import { VapiError } from '../../core/http/index.js';

/** A call as far as its caller can get it wrong. */
export interface RestCall {
  readonly method: string;
  /** With parameters as express writes them. */
  readonly path: string;
  readonly action?: string;
  readonly actionOptional?: boolean;
  readonly task?: 'only' | 'never';
}

/**
 * Answers what no call has answered on a path that has calls: with their methods and actions. It comes after all of them.
 *
 * @throws VapiError `OPERATION_NOT_FOUND` for every method
 */
export function otherMethodsRouter(calls: readonly RestCall[]): Router {
  const router = express.Router();
  for (const path of new Set(calls.map((call) => call.path))) {
    const there = calls.filter((call) => call.path === path).map(textOf);
    router.all(path, () => {
      throw new VapiError(
        'OPERATION_NOT_FOUND',
        `This path has no call of that method and action; it takes ${there.join(', ')}.`,
      );
    });
  }
  return router;
}

function textOf({ method, action, actionOptional = false, task }: RestCall): string {
  const query = [
    ...(action !== undefined && !actionOptional ? [`action=${action}`] : []),
    ...(task === 'only' ? ['vmw-task=true'] : []),
  ];
  return query.length === 0 ? method : `${method} ?${query.join('&')}`;
}
