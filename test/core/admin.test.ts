import { tmpdir } from 'node:os';

import { afterEach, describe, expect, it } from 'vitest';

import { startAdmin } from '../../core/admin.js';
import type { AdminOptions, AdminServer } from '../../core/admin.js';
import { AdjustableClock } from '../../core/clock.js';
import { createContext } from '../../core/context.js';
import type { Health, Service } from '../../core/lifecycle.js';

let admin: AdminServer | undefined;
afterEach(() => admin?.close());

function serviceWith(health: Health): Service {
  return {
    name: 'kms-1',
    start: () => Promise.resolve([]),
    stop: () => Promise.resolve(),
    health: () => health,
  };
}

async function start(options: Partial<AdminOptions> = {}): Promise<string> {
  admin = await startAdmin({
    services: [serviceWith({ status: 'ok', details: [] })],
    context: createContext({ dataDir: tmpdir(), clock: new AdjustableClock({ now: () => 0 }) }),
    port: 0,
    ...options,
  });
  return admin.url;
}

describe('the admin listener', () => {
  it('is live while the process runs and ready unless a service is down', async () => {
    const url = await start({ services: [serviceWith({ status: 'down', details: ['the store is gone'] })] });
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      status: 'down',
      services: [{ name: 'kms-1', status: 'down', details: ['the store is gone'] }],
    });
  });

  it('renders the metrics in the Prometheus text format', async () => {
    const context = createContext({ dataDir: tmpdir() });
    context.metrics.counter('kpsim_test_total', 'Tests').inc(3);
    const url = await start({ context });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('kpsim_test_total 3');
  });

  it('injects, lists and takes back faults', async () => {
    const context = createContext({ dataDir: tmpdir() });
    const url = await start({ context });
    const body = JSON.stringify({ operation: 'Get', action: { kind: 'reset' } });
    const headers = { 'content-type': 'application/json' };
    const made = await fetch(`${url}/faults`, { method: 'POST', body, headers });
    expect(made.status).toBe(201);
    expect(context.faults.match({ service: 'kms-1', operation: 'Get' })).toEqual({ kind: 'reset' });
    const { id } = (await made.json()) as { id: string };
    expect((await fetch(`${url}/faults/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await (await fetch(`${url}/faults`)).json()).toEqual([]);
    expect(await (await fetch(`${url}/faults?x=1`)).text()).toContain('unknown key \\"x\\"');
    expect((await fetch(`${url}/faults/${id}`, { method: 'DELETE' })).status).toBe(404);
  });

  it('asks for the content type of a body, and for the fields of an absent one', async () => {
    const url = await start();
    const body = JSON.stringify({ action: { kind: 'reset' } });
    const undeclared = await fetch(`${url}/faults`, { method: 'POST', body });
    expect(undeclared.status).toBe(400);
    expect(await undeclared.text()).toContain('content-type: application/json');
    const absent = await fetch(`${url}/faults`, { method: 'POST' });
    expect(absent.status).toBe(400);
    expect(await absent.text()).toContain(
      'action is missing (allowed: a mapping whose kind is one of delay, drop, reset, ',
    );
  });

  it('lists its calls, also to who asks for another', async () => {
    const url = await start({ extend: (app) => void app.get('/more', (_, response) => void response.end()) });
    const { calls } = (await (await fetch(url)).json()) as { calls: string[] };
    expect(calls).toEqual(
      expect.arrayContaining(['GET /livez', 'POST /faults', 'DELETE /faults/:id', 'GET /more']),
    );
    const other = await fetch(`${url}/fault`);
    expect(other.status).toBe(404);
    expect(await other.text()).toContain('POST /faults, ');
  });

  it('narrows the journal by operation, client and service, and then to the last', async () => {
    const context = createContext({ dataDir: tmpdir() });
    for (const [operation, client] of [
      ['Get', 'a'],
      ['Get', 'b'],
      ['Create', 'a'],
      ['Get', 'a'],
    ] as const) {
      context.journal.record({ operation, client, outcome: 'success' });
    }
    const url = await start({ context });
    const sequences = async (query: string): Promise<unknown> => {
      const entries = (await (await fetch(`${url}/journal?${query}`)).json()) as { sequence: number }[];
      return entries.map(({ sequence }) => sequence);
    };
    expect(await sequences('operation=Get')).toEqual([1, 2, 4]);
    expect(await sequences('operation=Get&client=a')).toEqual([1, 4]);
    expect(await sequences('service=kms-1&client=a&last=2')).toEqual([3, 4]);
    const refused = await fetch(`${url}/journal?service=nope`);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('Allowed: kms-1.')]);
  });

  it('moves the clock', async () => {
    const url = await start();
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ advance_ms: 60_000 });
    const moved = await fetch(`${url}/clock`, { method: 'POST', body, headers });
    expect(await moved.json()).toEqual({ now: '1970-01-01T00:01:00.000Z', offset_ms: 60_000 });
  });

  it('refuses web pages, and a foreign Host as DNS rebinding would send', async () => {
    const url = await start();
    expect((await fetch(`${url}/faults`, { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    const rebound = await new Promise<number | undefined>((resolve) => {
      void import('node:http').then(({ get }) =>
        get(`${url}/faults`, { headers: { host: 'evil.example' } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        }),
      );
    });
    expect(rebound).toBe(403);
  });

  it('asks for its token, and cannot be bound beyond loopback without one', async () => {
    const url = await start({ token: 'sesame' });
    expect((await fetch(`${url}/livez`)).status).toBe(401);
    expect((await fetch(`${url}/livez`, { headers: { authorization: 'Bearer sesame' } })).status).toBe(200);
    await expect(start({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'admin_token_needed' });
  });
});
