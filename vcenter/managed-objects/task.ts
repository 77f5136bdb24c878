import type { MethodHandlers } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Caller } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** Task: long operations; kpsim's own cannot be cancelled, as most of vSphere's cannot. */
export const TASK_METHODS: MethodHandlers<Caller, 'Task'> = {
  CancelTask({ vcenter }, self) {
    const { state } = vcenter.tasks.info(self.value);
    if (state === 'success' || state === 'error') {
      throw new VimFault('InvalidState', 'The task has ended already.');
    }
    throw new VimFault('NotSupported', 'This task is not cancelable; wait until it has ended.');
  },
};

/** Properties of Task. */
export const TASK_PROPERTIES: PropertyReaders<'Task'> = {
  info: ({ vcenter }, self) => vcenter.tasks.info(self.value),
};

/** Properties of TaskManager. */
export const TASK_MANAGER_PROPERTIES: PropertyReaders<'TaskManager'> = {
  recentTask: ({ vcenter }) => vcenter.tasks.recent(),
  maxCollector: () => 0,
};
