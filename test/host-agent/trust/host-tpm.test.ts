import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { systemRng } from '../../../core/rng.js';
import { Sealer } from '../../../core/store/sealer.js';
import { HostStore } from '../../../host-agent/store.js';
import { decodeTpmRecord } from '../../../host-agent/trust/tpm-record.js';
import { scratchDir } from '../hosts.js';
import { hostTpmSuite } from './host-tpm-suite.js';

describe('a host with the built-in TPM', () => {
  hostTpmSuite('software', (attestingHost) => {
    it('keeps a TPM that was kept in the form of before there were others', async () => {
      const dataDir = await scratchDir();
      const host = await attestingHost({}, dataDir);
      const { endorsementKeyBase64 } = await host.client.tpmEndorsement();
      await host.service.stop();
      const store = await HostStore.open(dataDir, systemRng);
      const { state } = decodeTpmRecord((await store.loadTpmState())!);
      await store.close();
      const sealer = await Sealer.load(dataDir);
      await writeFile(join(dataDir, 'tpm.sealed'), sealer.seal(state, 'tpm.sealed'));
      sealer.close();
      const again = await attestingHost({}, dataDir);
      expect((await again.client.tpmEndorsement()).endorsementKeyBase64).toBe(endorsementKeyBase64);
    });
  });
});
