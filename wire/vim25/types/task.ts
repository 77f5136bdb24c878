import type { TypeRow } from '../type-expression.js';

/** Tasks, their reasons, and filters over the task history. Source: vSphere Web Services API. */
export const TASK_TYPES = {
  TaskInfo: {
    extends: 'DynamicData',
    fields: {
      key: 'string',
      task: '&Task',
      description: 'LocalizableMessage?',
      name: 'string?',
      descriptionId: 'string',
      entity: '&ManagedEntity?',
      entityName: 'string?',
      locked: '&ManagedEntity[]?',
      state: 'TaskInfoState',
      cancelled: 'boolean',
      cancelable: 'boolean',
      error: 'LocalizedMethodFault?',
      result: 'anyType?',
      progress: 'int?',
      progressDetails: 'KeyAnyValue[]?',
      reason: 'TaskReason',
      queueTime: 'dateTime',
      startTime: 'dateTime?',
      completeTime: 'dateTime?',
      eventChainId: 'int',
      changeTag: 'string?',
      parentTaskKey: 'string?',
      rootTaskKey: 'string?',
      activationId: 'string?',
    },
  },
  TaskReason: { extends: 'DynamicData', fields: {} },
  TaskReasonUser: { extends: 'TaskReason', fields: { userName: 'string' } },
  TaskReasonSystem: { extends: 'TaskReason', fields: {} },
  TaskReasonSchedule: { extends: 'TaskReason', fields: { name: 'string', scheduledTask: '&ManagedObject' } },
  TaskReasonAlarm: {
    extends: 'TaskReason',
    fields: { alarmName: 'string', alarm: '&ManagedObject', entityName: 'string', entity: '&ManagedEntity' },
  },
  TaskFilterSpec: {
    extends: 'DynamicData',
    fields: {
      entity: 'TaskFilterSpecByEntity?',
      time: 'TaskFilterSpecByTime?',
      userName: 'TaskFilterSpecByUsername?',
      activationId: 'string[]?',
      state: 'TaskInfoState[]?',
      eventChainId: 'int[]?',
      tag: 'string[]?',
      parentTaskKey: 'string[]?',
      rootTaskKey: 'string[]?',
    },
  },
  TaskFilterSpecByEntity: {
    extends: 'DynamicData',
    fields: { entity: '&ManagedEntity', recursion: 'TaskFilterSpecRecursionOption' },
  },
  TaskFilterSpecByTime: {
    extends: 'DynamicData',
    fields: { timeType: 'TaskFilterSpecTimeOption', beginTime: 'dateTime?', endTime: 'dateTime?' },
  },
  TaskFilterSpecByUsername: {
    extends: 'DynamicData',
    fields: { systemUser: 'boolean', userList: 'string[]?' },
  },
} as const satisfies Record<string, TypeRow>;
