import { execFileSync } from 'node:child_process';
import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { newPhraseLocator, phraseKey, sealBundle, VmxDictionary } from '../../wire/vmx/index.js';
import { describeWith, runs } from './requires.js';

const python = process.env.KPSIM_PYTHON ?? 'python3';

const DISSECT = {
  name: 'dissect.hypervisor',
  found: runs(python, '-c', 'import dissect.hypervisor.descriptor.vmx, Crypto'),
  install: 'pip install dissect.hypervisor pycryptodome (KPSIM_PYTHON names the interpreter)',
};

/** Opens a .vmx file with a phrase and prints one value of what was sealed in it. */
const UNLOCK = `
import sys
from dissect.hypervisor.descriptor.vmx import VMX
vmx = VMX.parse(sys.stdin.read())
vmx.unlock_with_phrase(sys.argv[1])
print(vmx.attr[sys.argv[2]])
`;

describeWith(DISSECT, 'dissect.hypervisor', () => {
  // It compares the 16 bytes of an HMAC-SHA-1-128 with all 20 of the digest, so it can open none of those.
  it.each(['HMAC-SHA-1', 'HMAC-SHA-256'] as const)(
    'opens our bundle by its phrase pair, with %s, and with the key in it what that key sealed',
    (mac) => {
      const key = randomBytes(32);
      const locator = newPhraseLocator();
      const kek = phraseKey(locator, 'a phrase: 100% “secret”');
      const keySafe = sealBundle({ pairs: [{ locator, kek, mac }], dict: { cipher: 'AES-256', key } });
      // Workstation seals its configuration as IV ‖ AES-256-CBC ‖ HMAC under the key that the key safe holds.
      const plain = Buffer.from('guestos.secret = "opened"\n');
      const iv = randomBytes(16);
      const cipher = createCipheriv('aes-256-cbc', key, iv);
      const digest = createHmac(mac === 'HMAC-SHA-256' ? 'sha256' : 'sha1', key)
        .update(plain)
        .digest();
      const data = Buffer.concat([iv, cipher.update(plain), cipher.final(), digest]);
      const vmx = VmxDictionary.of({
        'encryption.keySafe': keySafe,
        'encryption.data': data.toString('base64'),
      });

      const run = (phrase: string): string =>
        execFileSync(python, ['-c', UNLOCK, phrase, 'guestos.secret'], {
          input: vmx.toBytes(),
          encoding: 'utf8',
          timeout: 20_000,
          stdio: ['pipe', 'pipe', 'ignore'],
        }).trim();
      expect(run('a phrase: 100% “secret”')).toBe('opened');
      expect(() => run('another phrase')).toThrow();
    },
  );
});
