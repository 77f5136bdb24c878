import { expect, it } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import { HttpClient } from '../../core/http/index.js';
import { LoginThrottle } from '../../vcenter/access/login-throttle.js';
import { Sessions } from '../../vcenter/access/sessions.js';
import { ADMINISTRATOR, PASSWORD, Site, faultOf } from './site.js';

const HEADER = 'vmware-api-session-id';
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

async function httpTo(site: Site, baseUrl: string): Promise<HttpClient> {
  return Promise.resolve(new HttpClient({ baseUrl, caPem: site.ca.caPem }));
}

it('opens, uses and ends a REST session in both spellings', async () => {
  const site = await Site.create();
  const { url } = await site.startVcenter('vc-east');
  const http = await httpTo(site, url);
  const authorization = basic(ADMINISTRATOR, PASSWORD);

  const created = await http.raw('POST', '/api/session', undefined, { authorization });
  expect(created.status).toBe(201);
  const id = JSON.parse(created.body.toString()) as string;
  expect(await http.json('GET', '/api/session', undefined, { [HEADER]: id })).toMatchObject({
    user: ADMINISTRATOR,
  });
  expect(await http.json('GET', '/api/vcenter/folder', undefined, { [HEADER]: id })).toEqual([
    { folder: 'group-d1', name: 'Datacenters', type: 'DATACENTER' },
  ]);
  expect((await http.raw('DELETE', '/api/session', undefined, { [HEADER]: id })).status).toBe(204);
  expect((await http.raw('GET', '/api/vcenter/folder', undefined, { [HEADER]: id })).status).toBe(401);

  const older = (await http.json('POST', '/rest/com/vmware/cis/session', undefined, { authorization })) as {
    value: string;
  };
  expect((await http.raw('GET', '/api/session', undefined, { [HEADER]: older.value })).status).toBe(200);
  await http.close();
});

it('gives a REST session to VI/JSON, and tells nobody whether the name or the password was wrong', async () => {
  const site = await Site.create();
  const { url } = await site.startVcenter('vc-east');
  const http = await httpTo(site, url);
  const answers = await Promise.all(
    [basic('nobody@vsphere.local', PASSWORD), basic(ADMINISTRATOR, 'wrong')].map((authorization) =>
      http.raw('POST', '/api/session', undefined, { authorization }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([401, 401]);
  expect(answers[0]!.body.equals(answers[1]!.body)).toBe(true);
  const malformed = await http.raw('POST', '/api/session', undefined, { authorization: 'Basic !!!' });
  expect(malformed.status).toBe(401);
  expect(malformed.headers['www-authenticate']).toMatch(/^Basic/);
  await http.close();
});

it('answers VI/JSON without a session only where vSphere does', async () => {
  const site = await Site.create();
  const { url } = await site.startVcenter('vc-east');
  const anonymous = site.vcenterClient(url);
  expect((await anonymous.serviceContent()).about.apiType).toBe('VirtualCenter');
  expect(await anonymous.property('SessionManager', 'SessionManager', 'currentSession')).toBeUndefined();
  expect((await faultOf(anonymous.property('Folder', 'group-d1', 'name'))).fault).toBe('NotAuthenticated');
  expect((await faultOf(anonymous.login(ADMINISTRATOR, 'wrong'))).fault).toBe('InvalidLogin');
  const session = await anonymous.login(ADMINISTRATOR.toUpperCase(), PASSWORD);
  expect(session.userName).toBe(ADMINISTRATOR);
  expect(session.key).not.toBe(anonymous.sessionId);
});

it('lets an administrator end other sessions', async () => {
  const site = await Site.create();
  const { url, client } = await site.startVcenter('vc-east');
  const other = site.vcenterClient(url);
  const { key } = await other.login(ADMINISTRATOR, PASSWORD);
  await client.invoke('SessionManager', 'SessionManager', 'TerminateSession', { sessionId: [key] });
  expect((await faultOf(other.property('Folder', 'group-d1', 'name'))).fault).toBe('NotAuthenticated');
});

it('ends sessions that are idle, and bounds how many there are', () => {
  const clock = new AdjustableClock({ now: () => 0 });
  const sessions = new Sessions(clock, 60, 2);
  const made = { principal: { name: 'a', groups: [] }, ipAddress: '', userAgent: '', locale: '' };
  const { id } = sessions.open(made, 'one');
  clock.advance(59_000);
  expect(sessions.use(id)?.key).toBe('one');
  sessions.open(made, 'two');
  expect(() => sessions.open(made, 'three')).toThrow(/Too many sessions/);
  clock.advance(61_000);
  expect(sessions.use(id)).toBeUndefined();
  expect(sessions.list()).toEqual([]);
});

it('ends an idle session for good, also when the clock is moved back', () => {
  const clock = new AdjustableClock({ now: () => 0 });
  const sessions = new Sessions(clock, 60, 2);
  const made = { principal: { name: 'a', groups: [] }, ipAddress: '', userAgent: '', locale: '' };
  const { id } = sessions.open(made, 'one');
  clock.advance(61_000);
  expect(sessions.peek(id)).toBeUndefined();
  clock.advance(-61_000);
  expect(sessions.use(id)).toBeUndefined();
});

it('slows guessing down after five failures, for one name from one address only', () => {
  const clock = new AdjustableClock({ now: () => 0 });
  const throttle = new LoginThrottle(clock);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    expect(throttle.waitMs('root', '10.0.0.1')).toBe(0);
    throttle.failed('root', '10.0.0.1');
  }
  expect(throttle.waitMs('ROOT', '10.0.0.1')).toBe(1000);
  expect(throttle.waitMs('root', '10.0.0.2')).toBe(0);
  clock.advance(1000);
  throttle.failed('root', '10.0.0.1');
  expect(throttle.waitMs('root', '10.0.0.1')).toBe(2000);
  throttle.succeeded('root', '10.0.0.1');
  expect(throttle.waitMs('root', '10.0.0.1')).toBe(0);
});
