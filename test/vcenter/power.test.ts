import { beforeAll, expect, it } from 'vitest';

import { startSide } from './migration/sides.js';
import type { RunningVcenter } from './site.js';
import { Site, addVm, faultOf } from './site.js';

let site: Site;
beforeAll(async () => {
  site = await Site.create();
});

const path = (vm: string, action?: string): string =>
  `/api/vcenter/vm/${vm}/power${action === undefined ? '' : `?action=${action}`}`;
const change = ({ client }: Pick<RunningVcenter, 'client'>, vm: string, action: string): Promise<unknown> =>
  client.rest('POST', path(vm, action));
const refusal = (status: number, error_type: string): object => ({ status, body: { error_type } });

it('powers a VM through its states over REST, each change a task with its event', async () => {
  const { vc, folder, pool } = await startSide(site, 'east');
  const vm = await addVm(vc, { name: 'web', folder, pool });
  const state = (): Promise<unknown> => vc.client.rest('GET', path(vm));
  expect(await state()).toEqual({ state: 'POWERED_OFF', clean_power_off: true });
  await change(vc, vm, 'start');
  await change(vc, vm, 'reset');
  expect(await state()).toEqual({ state: 'POWERED_ON' });
  await change(vc, vm, 'suspend');
  expect(await state()).toEqual({ state: 'SUSPENDED' });
  await change(vc, vm, 'start');
  await change(vc, vm, 'suspend');
  await change(vc, vm, 'stop');
  expect(await state()).toMatchObject({ state: 'POWERED_OFF' });
  const events = await vc.client.invoke('EventManager', 'EventManager', 'QueryEvents', {
    filter: { _typeName: 'EventFilterSpec' },
  });
  const power = /^Vm(Powered|Suspended|Resetting)/;
  expect(events?.map(({ _typeName }) => _typeName).filter((name) => power.test(name))).toEqual([
    'VmPoweredOnEvent',
    'VmResettingEvent',
    'VmSuspendedEvent',
    'VmPoweredOnEvent',
    'VmSuspendedEvent',
    'VmPoweredOffEvent',
  ]);
  const tasks = await vc.client.property('TaskManager', 'TaskManager', 'recentTask');
  const last = await vc.client.property('Task', tasks?.at(-1)?.value ?? '', 'info');
  expect(last).toMatchObject({ descriptionId: 'VirtualMachine.powerOff', state: 'success' });
});

it('refuses changes of power in the words of the Automation API', async () => {
  const { vc, folder, pool } = await startSide(site, 'west');
  const vm = await addVm(vc, { name: 'web', folder, pool });
  await expect(change(vc, vm, 'stop')).rejects.toMatchObject(refusal(400, 'ALREADY_IN_DESIRED_STATE'));
  await expect(change(vc, vm, 'reset')).rejects.toMatchObject(refusal(400, 'NOT_ALLOWED_IN_CURRENT_STATE'));
  await expect(change(vc, vm, 'suspend')).rejects.toMatchObject(refusal(400, 'NOT_ALLOWED_IN_CURRENT_STATE'));
  await change(vc, vm, 'start');
  await expect(change(vc, vm, 'start')).rejects.toMatchObject(refusal(400, 'ALREADY_IN_DESIRED_STATE'));
  await expect(change(vc, vm, 'explode')).rejects.toMatchObject(refusal(404, 'OPERATION_NOT_FOUND'));
  await expect(change(vc, 'vm-999', 'start')).rejects.toMatchObject(refusal(404, 'NOT_FOUND'));
});

it('says of a VM whose key cannot be had the same as PowerOnVM_Task does', async () => {
  const kms = await site.startKms();
  const { vc, esx, folder, pool } = await startSide(site, 'east', { kms });
  const vm = await addVm(vc, { name: 'ledger', folder, pool, provider: 'skp-1' });
  await esx.client.reboot();
  await kms.service.stop();
  const fault = await faultOf(vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {}));
  const [{ key, message } = { key: '', message: '' }] = fault.faultMessage;
  expect(fault.fault).toBe('EncryptionKeyRequired');
  await expect(change(vc, vm, 'start')).rejects.toMatchObject({
    ...refusal(400, 'NOT_ALLOWED_IN_CURRENT_STATE'),
    body: { messages: [{ id: key, default_message: expect.stringContaining(message) as string }] },
  });
});
