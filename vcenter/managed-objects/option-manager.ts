import { boxed } from '../../wire/vim25/index.js';
import type { PropertyReaders } from './property-table.js';

/** Properties of OptionManager: the few settings that clients look for. */
export const OPTION_MANAGER_PROPERTIES: PropertyReaders<'OptionManager'> = {
  setting: ({ vcenter }) => [
    {
      _typeName: 'OptionValue',
      key: 'VirtualCenter.InstanceName',
      value: boxed('string', vcenter.config.name),
    },
    {
      _typeName: 'OptionValue',
      key: 'config.vpxd.sso.default.admin',
      value: boxed('string', 'administrator@vsphere.local'),
    },
  ],
};
