import { join } from 'node:path';

import { peerRounds, peerRow } from './get.js';
import type { Row } from './report.js';
import { createRequest } from './requests.js';
import { compare } from './rounds.js';
import { startKpsim, startPykmip } from './servers.js';
import type { Setting } from './setting.js';
import { loadOn } from './setting.js';

const FLOOR = 30;

/** Create of AES keys, each durable before its answer: against PyKMIP, on the same disk. */
export async function createRows(setting: Setting): Promise<readonly Row[]> {
  const what = 'Create, durable, 16 connections, against PyKMIP';
  const { server: files } = setting.certificates;
  const pykmip = await startPykmip(join(setting.directory, 'pykmip'), files);
  if (!pykmip) {
    return [{ what, measured: 'python3-pykmip is not installed', floor: `≥ ${FLOOR}`, holds: undefined }];
  }
  const kpsim = await startKpsim(join(setting.directory, 'kpsim'), files);
  try {
    await loadOn(setting, 'kpsim', kpsim);
    await loadOn(setting, 'pykmip', pykmip, 'TLSv1.2');
    const requests = [createRequest()];
    const result = await compare(
      setting.load,
      { target: 'kpsim', server: kpsim.server, requests },
      { target: 'pykmip', server: pykmip.server, requests },
      peerRounds(setting),
    );
    return [peerRow(what, result, FLOOR)];
  } finally {
    await setting.load.disconnect('kpsim');
    await setting.load.disconnect('pykmip');
    await kpsim.server.stop();
    await pykmip.server.stop('SIGKILL');
  }
}
