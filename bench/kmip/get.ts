import { join } from 'node:path';

import type { Row } from './report.js';
import { createRequest, createdIdentifier, getRequest } from './requests.js';
import type { Comparison, SideResult } from './rounds.js';
import { compare } from './rounds.js';
import { startEcho, startKpsim, startPykmip } from './servers.js';
import type { RunningServer } from './servers.js';
import type { Setting } from './setting.js';
import { loadOn } from './setting.js';

/** Keys that are asked for in turn. */
const KEYS = 256;
const FLOOR_ECHO = 0.75;
const FLOOR_PYKMIP = 50;

/** Get of plain AES keys: against TLS alone, and against PyKMIP. */
export async function getRows(setting: Setting): Promise<readonly Row[]> {
  const kpsim = await startKpsim(join(setting.directory, 'kpsim'), setting.certificates.server);
  try {
    await loadOn(setting, 'kpsim', kpsim);
    const requests = await keysOn(setting, 'kpsim');
    return [await againstEcho(setting, kpsim, requests), await againstPykmip(setting, kpsim, requests)];
  } finally {
    await setting.load.disconnect('kpsim');
    await kpsim.server.stop();
  }
}

async function againstEcho(
  setting: Setting,
  kpsim: RunningServer,
  requests: readonly Buffer[],
): Promise<Row> {
  const { load, quick } = setting;
  const { sample } = await load.measure('kpsim', { requests, milliseconds: 100 });
  const size = requests[0]?.length ?? 0;
  const echo = await startEcho(size, sample, setting.certificates.server);
  try {
    await loadOn(setting, 'echo', echo);
    const result = await compare(
      load,
      { target: 'kpsim', server: kpsim.server, requests },
      { target: 'echo', server: echo.server, requests },
      quick ? { rounds: 4, roundMs: 1000, warmUpMs: 2000 } : { rounds: 12, roundMs: 1500, warmUpMs: 4000 },
    );
    return {
      what: `Get, 16 connections, ${size} bytes → ${sample.length} bytes, against TLS alone`,
      measured: `${rate(result.left)} against ${rate(result.right)} (${result.left.cipher})`,
      ratio: result.ratio,
      floor: `≥ ${FLOOR_ECHO}`,
      holds: result.ratio >= FLOOR_ECHO,
      details: result,
    };
  } finally {
    await load.disconnect('echo');
    await echo.server.stop();
  }
}

async function againstPykmip(
  setting: Setting,
  kpsim: RunningServer,
  requests: readonly Buffer[],
): Promise<Row> {
  const what = 'Get, 16 connections, against PyKMIP';
  const floor = `≥ ${FLOOR_PYKMIP}`;
  const pykmip = await startPykmip(join(setting.directory, 'pykmip'), setting.certificates.server);
  if (!pykmip) return { what, measured: 'python3-pykmip is not installed', floor, holds: undefined };
  try {
    await loadOn(setting, 'pykmip', pykmip, 'TLSv1.2');
    const result = await compare(
      setting.load,
      { target: 'kpsim', server: kpsim.server, requests },
      { target: 'pykmip', server: pykmip.server, requests: await keysOn(setting, 'pykmip') },
      peerRounds(setting),
    );
    return peerRow(what, result, FLOOR_PYKMIP);
  } finally {
    await setting.load.disconnect('pykmip');
    await pykmip.server.stop('SIGKILL');
  }
}

/** Makes keys on a server. @returns a Get request for each */
async function keysOn({ load }: Setting, target: string): Promise<readonly Buffer[]> {
  const requests: Buffer[] = [];
  for (let count = 0; count < KEYS / 16; count += 1) {
    const { sample } = await load.measure(target, { requests: [createRequest()], milliseconds: 0 });
    requests.push(getRequest(createdIdentifier(sample)));
  }
  return requests;
}

/** Rounds against a peer that is many times slower. */
export function peerRounds({ quick }: Setting): { rounds: number; roundMs: number; warmUpMs: number } {
  return quick ? { rounds: 3, roundMs: 1000, warmUpMs: 1000 } : { rounds: 5, roundMs: 3000, warmUpMs: 2000 };
}

/** A comparison with a peer as a row. */
export function peerRow(what: string, result: Comparison, floor: number): Row {
  return {
    what,
    measured: `${rate(result.left)} against ${rate(result.right)}`,
    ratio: result.ratio,
    floor: `≥ ${floor}`,
    holds: result.ratio >= floor,
    details: result,
  };
}

function rate({ requestsPerSecond, cpuMicroseconds }: SideResult): string {
  const cpu = cpuMicroseconds === undefined ? '' : ` (${cpuMicroseconds.toFixed(0)} µs of processor each)`;
  return `${requestsPerSecond.toFixed(0)}/s${cpu}`;
}
