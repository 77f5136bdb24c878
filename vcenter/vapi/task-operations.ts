import { VapiError } from '../../core/http/index.js';
import {
  anyError,
  boolean,
  dateTime,
  enumeration,
  id,
  integer,
  list,
  localizableMessage,
  map,
  optional,
  string,
  structure,
  typedValue,
  voidType,
} from '../../wire/vapi/index.js';
import type { RestTaskInfo } from '../operations/rest-tasks.js';
import { TASK_STATUSES } from '../operations/rest-tasks.js';
import { referenceTo } from '../inventory/entities.js';
import { ROOT_FOLDER } from '../inventory/inventory.js';
import type { Session } from '../access/sessions.js';
import type { Vcenter } from '../vcenter.js';
import type { VapiOperation } from './operation.js';
import { vapiOperation } from './operation.js';

const SERVICE = 'com.vmware.cis.tasks';
const dynamicId = structure('com.vmware.vapi.std.dynamic_ID', { type: string(), id: string() });
const status = enumeration(TASK_STATUSES);

const info = structure('com.vmware.cis.task.info', {
  progress: optional(
    structure('com.vmware.cis.task.progress', {
      total: integer(),
      completed: integer(),
      message: localizableMessage,
    }),
  ),
  result: optional(typedValue),
  description: localizableMessage,
  service: id,
  operation: id,
  parent: optional(id),
  target: optional(dynamicId),
  status,
  cancelable: boolean,
  error: optional(anyError),
  start_time: optional(dateTime),
  end_time: optional(dateTime),
  user: optional(string()),
});

const getSpec = optional(
  structure('com.vmware.cis.tasks.get_spec', {
    return_all: optional(boolean),
    exclude_result: optional(boolean),
  }),
);

/** `com.vmware.cis.tasks`, `/api/cis/tasks`. A task is told to who started it, and to who may update tasks. */
export function taskOperations(vcenter: Vcenter): readonly VapiOperation[] {
  const { restTasks } = vcenter;
  const common = {
    service: SERVICE,
    task: 'never',
    privilege: 'System.View',
    since: '6.7.0',
    changes: false,
  } as const;
  const visible = (session: Session, task: RestTaskInfo): boolean =>
    task.user === session.principal.name ||
    vcenter.authorization.has(session.principal, referenceTo('Folder', ROOT_FOLDER), 'Task.Update');
  const require = (session: Session, task: string): RestTaskInfo => {
    const found = restTasks.get(task);
    if (visible(session, found)) return found;
    throw new VapiError('NOT_FOUND', 'There is no such task; only the last ones are kept.');
  };
  return [
    vapiOperation({
      ...common,
      operation: 'get',
      method: 'GET',
      path: '/api/cis/tasks/:task',
      input: { task: id, spec: getSpec },
      output: info,
      run: ({ session, input }) => told(require(session, input.task), input.spec?.exclude_result),
    }),
    vapiOperation({
      ...common,
      operation: 'list',
      method: 'GET',
      path: '/api/cis/tasks',
      input: {
        filter_spec: optional(
          structure('com.vmware.cis.tasks.filter_spec', {
            tasks: optional(list(id)),
            services: optional(list(id)),
            operations: optional(list(id)),
            status: optional(list(status)),
            targets: optional(list(dynamicId)),
            users: optional(list(string())),
          }),
        ),
        result_spec: getSpec,
      },
      output: map(id, info),
      run: ({ session, input: { filter_spec: filter, result_spec: spec } }) =>
        Object.fromEntries(
          restTasks
            .list()
            .filter(
              ([task, row]) =>
                visible(session, row) &&
                (!filter?.tasks || filter.tasks.includes(task)) &&
                (!filter?.services || filter.services.includes(row.service)) &&
                (!filter?.operations || filter.operations.includes(row.operation)) &&
                (!filter?.status || filter.status.includes(row.status)) &&
                (!filter?.targets || filter.targets.some((target) => sameTarget(target, row.target))) &&
                (!filter?.users || filter.users.includes(row.user)),
            )
            .map(([task, row]) => [task, told(row, spec?.exclude_result)]),
        ),
    }),
    vapiOperation({
      ...common,
      operation: 'cancel',
      method: 'POST',
      path: '/api/cis/tasks/:task',
      action: 'cancel',
      input: { task: id },
      output: voidType,
      run: ({ session, input }) => {
        require(session, input.task);
        restTasks.cancel(input.task);
      },
    }),
  ];
}

function told(task: RestTaskInfo, excludeResult = false) {
  const { result, error, target, ...rest } = task;
  return {
    ...rest,
    ...(result && !excludeResult && { result }),
    ...(error && { error }),
    ...(target && { target }),
  };
}

function sameTarget(
  left: { readonly type: string; readonly id: string },
  right: { readonly type: string; readonly id: string } | undefined,
): boolean {
  return left.type === right?.type && left.id === right.id;
}
