import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RequestHeader, RequestPayload, Ticket, UsernameAndPassword } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { createItem, exchange, item, onlyItem, outcomes, payloadOf } from './messages.js';
import type { Item } from './messages.js';
import { RawClient } from './raw-client.js';

const FRED: UsernameAndPassword = { username: 'Fred', password: 'password1' };

let pki: TestPki;
let kms: TestKms;
let client: RawClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, {
    credentials: [{ ...FRED, password: 'password1', owner: 'fred' }],
    credentialRequired: true,
    tickets: { leaseSeconds: 60, maximumLeaseSeconds: 600 },
  });
  client = await RawClient.open(pki, kms.port);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await kms[Symbol.asyncDispose]();
});

const asFred: Partial<RequestHeader> = {
  authentication: { credentials: [{ type: 'UsernameAndPassword', value: FRED }] },
};
const by = (ticket: Ticket): Partial<RequestHeader> => ({
  authentication: { credentials: [{ type: 'Ticket', value: { ticket } }] },
});
const ask = (items: readonly Item[], header: Partial<RequestHeader>) =>
  exchange(client, '2.1', items, header);

async function login(payload: RequestPayload<'Login'> = {}): Promise<Ticket> {
  return payloadOf(onlyItem(await ask([item('Login', payload)], asFred)), 'Login').ticket;
}
async function delegate(payload: RequestPayload<'DelegatedLogin'>): Promise<Ticket> {
  return payloadOf(onlyItem(await ask([item('DelegatedLogin', payload)], asFred)), 'DelegatedLogin').ticket;
}
async function create(header: Partial<RequestHeader> = asFred): Promise<string> {
  const answer = await ask([createItem('2.1')], header);
  return payloadOf(onlyItem(answer), 'Create').uniqueIdentifier;
}
const get = (uniqueIdentifier: string): Item => item('Get', { uniqueIdentifier });

describe('a ticket', () => {
  test('speaks for the client that logged in, also over the connection of another', async () => {
    const ticket = await login();
    expect(ticket).toMatchObject({ type: 'Login' });
    const id = await create(by(ticket));
    const { certificatePem: cert, privateKeyPem: key } = pki.west;
    await using other = await RawClient.open(pki, kms.port, { cert, key });
    expect(outcomes(await exchange(other, '2.1', [get(id)], by(ticket)))).toEqual(['Success']);
    expect(outcomes(await exchange(other, '2.1', [get(id)]))).toEqual(['AuthenticationNotSuccessful']);
  });

  test('ends with Logout', async () => {
    const ticket = await login();
    expect(outcomes(await ask([item('Logout', { ticket })], by(ticket)))).toEqual(['Success']);
    expect(outcomes(await ask([createItem('2.1')], by(ticket)))).toEqual(['InvalidTicket']);
    expect(outcomes(await ask([item('Logout', { ticket })], asFred))).toEqual(['InvalidTicket']);
  });

  test('ends with its lease, which is asked for as an interval or as a time', async () => {
    await using own = await startKms(pki, { tickets: { leaseSeconds: 60, maximumLeaseSeconds: 600 } });
    await using raw = await RawClient.open(pki, own.port);
    const now = Math.floor(own.clock.now() / 1000);
    const [shortest, asked, until] = await Promise.all(
      [{}, { leaseTime: { seconds: 120 } }, { leaseTime: { until: now + 300 } }].map(async (payload) => {
        await using one = await RawClient.open(pki, own.port);
        const answer = await exchange(one, '2.1', [item('Login', payload)]);
        return payloadOf(onlyItem(answer), 'Login').ticket;
      }),
    );
    const live = async () =>
      Promise.all(
        [shortest, asked, until].map(async (ticket) => {
          await using one = await RawClient.open(pki, own.port);
          return outcomes(await exchange(one, '2.1', [item('Locate', {})], by(ticket!)))[0];
        }),
      );
    expect(await live()).toEqual(['Success', 'Success', 'Success']);
    own.clock.advance(60_000);
    expect(await live()).toEqual(['InvalidTicket', 'Success', 'Success']);
    own.clock.advance(60_000);
    expect(await live()).toEqual(['InvalidTicket', 'InvalidTicket', 'Success']);
    own.clock.advance(180_000);
    expect(await live()).toEqual(['InvalidTicket', 'InvalidTicket', 'InvalidTicket']);
    for (const seconds of [0, 601]) {
      const answer = await exchange(raw, '2.1', [item('Login', { leaseTime: { seconds } })]);
      expect(outcomes(answer)).toEqual(['InvalidField']);
    }
  });

  test('is good for as many requests as were asked for', async () => {
    const ticket = await login({ requestCount: 2 });
    const batch = [item('Locate', {}), item('Locate', {})];
    expect(outcomes(await ask(batch, by(ticket)))).toEqual(['Success', 'Success']);
    expect(outcomes(await ask(batch, by(ticket)))).toEqual(['Success', 'Success']);
    expect(outcomes(await ask(batch, by(ticket)))).toEqual(['InvalidTicket']);
    expect(outcomes(await ask([item('Login', { requestCount: 0 })], asFred))).toEqual(['InvalidField']);
  });

  test('counts operations that succeed against its Usage Limits', async () => {
    const ticket = await login({ usageLimits: { total: 2n, unit: 'Object' } });
    expect(outcomes(await ask([get('absent')], by(ticket)))).toEqual(['ObjectNotFound']);
    const three = [createItem('2.1'), createItem('2.1'), createItem('2.1')];
    expect(outcomes(await ask(three, by(ticket)))).toEqual(['Success', 'Success', 'UsageLimitExceeded']);
    const bytes = item('Login', { usageLimits: { total: 2n, unit: 'Byte' } });
    expect(outcomes(await ask([bytes], asFred))).toEqual(['FeatureNotSupported']);
  });

  test('does not log in', async () => {
    const ticket = await login();
    expect(outcomes(await ask([item('Login', {})], by(ticket)))).toEqual(['PermissionDenied']);
    const rights = { rights: [] };
    expect(outcomes(await ask([item('DelegatedLogin', { rights })], by(ticket)))).toEqual([
      'PermissionDenied',
    ]);
  });

  test('is not handed out beyond the limit, unless others are over', async () => {
    await using own = await startKms(pki, { tickets: { limit: 1, leaseSeconds: 60 } });
    await using raw = await RawClient.open(pki, own.port);
    expect(outcomes(await exchange(raw, '2.1', [item('Login', {})]))).toEqual(['Success']);
    expect(outcomes(await exchange(raw, '2.1', [item('Login', {})]))).toEqual(['ServerLimitExceeded']);
    own.clock.advance(60_000);
    expect(outcomes(await exchange(raw, '2.1', [item('Login', {})]))).toEqual(['Success']);
  });
});

describe('a delegated ticket', () => {
  test('performs the operations of its Rights only', async () => {
    const id = await create();
    const right = { operations: { operations: ['Get'] } } as const;
    const ticket = await delegate({ rights: { rights: [right] } });
    expect(outcomes(await ask([get(id)], by(ticket)))).toEqual(['Success']);
    expect(outcomes(await ask([createItem('2.1')], by(ticket)))).toEqual(['PermissionDenied']);
    const nothing = await delegate({ rights: {} });
    expect(outcomes(await ask([get(id)], by(nothing)))).toEqual(['PermissionDenied']);
  });

  test('touches the objects and groups of its Rights only', async () => {
    const [mine, other] = [await create(), await create()];
    const objectGroup = item('AddAttribute', {
      uniqueIdentifier: other,
      newAttribute: attributeOf('ObjectGroup', 'g'),
    });
    expect(outcomes(await ask([objectGroup], asFred))).toEqual(['Success']);
    const byName = await delegate({ rights: { rights: [{ objects: { uniqueIdentifiers: [mine] } }] } });
    const byGroup = await delegate({ rights: { rights: [{ objectGroups: { objectGroups: ['g'] } }] } });
    expect(outcomes(await ask([get(mine)], by(byName)))).toEqual(['Success']);
    expect(outcomes(await ask([get(other)], by(byName)))).toEqual(['PermissionDenied']);
    expect(outcomes(await ask([get(mine)], by(byGroup)))).toEqual(['PermissionDenied']);
    expect(outcomes(await ask([get(other)], by(byGroup)))).toEqual(['Success']);
    expect(outcomes(await ask([createItem('2.1')], by(byName)))).toEqual(['PermissionDenied']);
    expect(outcomes(await ask([item('Locate', {})], by(byName)))).toEqual(['PermissionDenied']);
  });

  test('does not reach other objects through those of its Rights', async () => {
    const [mine, other] = [await create(), await create()];
    const ticket = await delegate({ rights: { rights: [{ objects: { uniqueIdentifiers: [mine] } }] } });
    const wrapped = item('Get', {
      uniqueIdentifier: mine,
      keyWrappingSpecification: {
        wrappingMethod: 'Encrypt',
        encryptionKeyInformation: {
          uniqueIdentifier: other,
          cryptographicParameters: { blockCipherMode: 'NISTKeyWrap' },
        },
      },
    });
    expect(outcomes(await ask([wrapped], by(ticket)))).toEqual(['PermissionDenied']);
  });

  test('counts each Right by itself', async () => {
    const rights = {
      rights: [
        { operations: { operations: ['Create'] }, usageLimits: { total: 1n, unit: 'Object' } },
        { operations: { operations: ['Locate'] } },
      ],
    } as const;
    const ticket = await delegate({ rights });
    expect(outcomes(await ask([createItem('2.1')], by(ticket)))).toEqual(['Success']);
    expect(outcomes(await ask([createItem('2.1')], by(ticket)))).toEqual(['UsageLimitExceeded']);
    expect(outcomes(await ask([item('Locate', {})], by(ticket)))).toEqual(['Success']);
  });
});
