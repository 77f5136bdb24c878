import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import type { NameIn } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/* The states of KMIP 1.4 §3.22 and the ten transitions between them, and what is refused. */

type State = NameIn<'State'>;

let pki: TestPki;
let kms: TestKms;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const now = () => Math.floor(kms.clock.now() / 1000);
const stateOf = async (client: KmipClient, id: string) =>
  (await client.getAttributes(id, ['State']))[0]?.value;

type Act = (client: KmipClient, id: string) => Promise<void>;
const activate: Act = (client, id) => client.activate(id);
const revoke: Act = (client, id) => client.revoke(id, 'CessationOfOperation');
const compromise: Act = (client, id) => client.revoke(id, 'KeyCompromise');
const destroy: Act = (client, id) => client.destroy(id);
const ACTS = { activate, revoke, compromise, destroy };

const WAYS: Readonly<Record<State, readonly Act[]>> = {
  PreActive: [],
  Active: [activate],
  Deactivated: [activate, revoke],
  Compromised: [compromise],
  Destroyed: [destroy],
  DestroyedCompromised: [compromise, destroy],
};

/** The state after each act, where it is allowed. */
const TRANSITIONS: Readonly<Record<State, Partial<Record<keyof typeof ACTS, State>>>> = {
  PreActive: { activate: 'Active', compromise: 'Compromised', destroy: 'Destroyed' },
  Active: { revoke: 'Deactivated', compromise: 'Compromised' },
  Deactivated: { compromise: 'Compromised', destroy: 'Destroyed' },
  Compromised: { destroy: 'DestroyedCompromised' },
  Destroyed: { compromise: 'DestroyedCompromised' },
  DestroyedCompromised: {},
};

const cases = Object.entries(TRANSITIONS).flatMap(([from, allowed]) =>
  Object.keys(ACTS).map(
    (act) => [from, act, allowed[act as keyof typeof ACTS]] as [State, keyof typeof ACTS, State?],
  ),
);

test.each(cases)('from %s, %s leads to %s', async (from, act, to) => {
  const client = kms.client({ protocolVersion: '2.1' });
  const id = await client.create();
  for (const step of WAYS[from]) await step(client, id);
  expect(await stateOf(client, id)).toBe(from);
  const outcome = await ACTS[act](client, id).then(
    () => 'done',
    (error: unknown) => (error as { reason: string }).reason,
  );
  if (to === undefined) {
    const already = act === 'destroy' && from.startsWith('Destroyed');
    expect(outcome).toBe(already ? 'ObjectDestroyed' : 'WrongKeyLifecycleState');
    expect(await stateOf(client, id)).toBe(from);
  } else {
    expect(outcome).toBe('done');
    expect(await stateOf(client, id)).toBe(to);
  }
});

describe('dates', () => {
  const dated = (dates: Readonly<Record<string, number>>) =>
    kms.client().create({
      attributes: Object.entries(dates).map(([name, value]) => attributeOf(name as 'ActivationDate', value)),
    });

  test.each([
    [{ ActivationDate: -10 }, 'Active'],
    [{ ActivationDate: 0 }, 'Active'],
    [{ ActivationDate: 100 }, 'PreActive'],
    [{ ActivationDate: -10, DeactivationDate: -5 }, 'Deactivated'],
    [{ ActivationDate: -10, DeactivationDate: 100 }, 'Active'],
    [{ DeactivationDate: -5 }, 'PreActive'],
  ] as const)('at creation: %o seconds from now is %s', async (offsets, state) => {
    const id = await dated(
      Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, now() + offset])),
    );
    expect(await stateOf(kms.client(), id)).toBe(state);
  });

  test('move the state when modified into the past', async () => {
    const client = kms.client();
    const id = await dated({ ActivationDate: now() + 100 });
    await client.modifyAttribute(id, attributeOf('ActivationDate', now() - 1));
    expect(await stateOf(client, id)).toBe('Active');
    await client.addAttribute(id, attributeOf('DeactivationDate', now() - 1));
    expect(await stateOf(client, id)).toBe('Deactivated');
  });

  test('are fixed once they have come', async () => {
    const client = kms.client();
    const id = await dated({
      ActivationDate: now() - 100,
      ProcessStartDate: now() - 50,
      ProtectStopDate: now() - 10,
    });
    for (const name of ['ActivationDate', 'ProcessStartDate', 'ProtectStopDate'] as const) {
      await expect(client.modifyAttribute(id, attributeOf(name, now() + 5))).rejects.toMatchObject({
        reason: 'PermissionDenied',
      });
    }
    await client.addAttribute(id, attributeOf('DeactivationDate', now() - 5));
    await expect(
      client.modifyAttribute(id, attributeOf('DeactivationDate', now() + 5)),
    ).rejects.toMatchObject({
      reason: 'PermissionDenied',
    });
  });
});

test('what is left of a destroyed key are its attributes', async () => {
  const client = kms.client({ protocolVersion: '2.1' });
  const id = await client.create({ name: 'remembered' });
  const before = await client.getAttributeList(id);
  await client.destroy(id);
  expect([...(await client.getAttributeList(id))].sort()).toEqual([...before, 'DestroyDate'].sort());
  await expect(client.get(id)).rejects.toMatchObject({ reason: 'ObjectDestroyed' });
});
