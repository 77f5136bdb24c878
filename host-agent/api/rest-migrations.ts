import type { Request } from 'express';

import { VapiError, validate } from '../../core/http/index.js';
import * as schemas from './schemas.js';
import type { RestRow } from './rest.js';
import { pathParameter } from './rest.js';

const MIGRATION = '/api/kpsim/host/migrations/:migration';

/** Calls on migrations, each named by its migration id. */
export const MIGRATION_ROWS: readonly RestRow[] = [
  {
    method: 'get',
    path: MIGRATION,
    operation: 'GetMigration',
    handle: (host, request) => host.migrations.state(migrationId(request)),
  },
  {
    method: 'post',
    path: MIGRATION,
    action: 'prepare-receive',
    operation: 'PrepareReceive',
    handle: (host, request) => {
      const { spec, vm } = validate(schemas.prepareReceiveSchema, request.body);
      requireSameId(request, spec.migrationId);
      return host.migrations.prepareReceive(spec, vm);
    },
  },
  {
    method: 'post',
    path: MIGRATION,
    action: 'start-send',
    operation: 'StartSend',
    handle: (host, request) => {
      const { spec, destination } = validate(schemas.startSendSchema, request.body);
      requireSameId(request, spec.migrationId);
      return host.migrations.startSend(spec, destination);
    },
  },
  {
    method: 'post',
    path: MIGRATION,
    action: 'commit-receive',
    operation: 'CommitReceive',
    handle: (host, request) => host.migrations.commitReceive(migrationId(request)),
  },
  {
    method: 'post',
    path: MIGRATION,
    action: 'commit-send',
    operation: 'CommitSend',
    handle: (host, request) => host.migrations.commitSend(migrationId(request)),
  },
  {
    method: 'post',
    path: MIGRATION,
    action: 'abort',
    operation: 'AbortMigration',
    handle: (host, request) => host.migrations.abort(migrationId(request)),
  },
];

function migrationId(request: Request): string {
  return validate(schemas.migrationIdSchema, pathParameter(request, 'migration'), 'The migration id');
}

function requireSameId(request: Request, specId: string): void {
  if (migrationId(request) === specId) return;
  throw new VapiError('INVALID_ARGUMENT', 'The migration id of the path and of the spec differ.');
}
