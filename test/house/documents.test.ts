import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { RULE_ROWS } from '../../vcenter/migration/rules.js';
import { attestationReasonsDocument, codeBlocks, protocolCoverageDocument, rulesTable } from './documents.js';

const root = join(import.meta.dirname, '..', '..');

/* `npx vitest run test/house -u` writes the generated documents anew. */
describe('the documents', () => {
  it('list the migration rules as the code has them', () => {
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(rulesTable());
  });

  it('name every migration rule in the Chinese README too', () => {
    const text = readFileSync(join(root, 'README.zh-CN.md'), 'utf8');
    expect(RULE_ROWS.map(([id]) => id).filter((id) => !text.includes(`| ${id} `))).toEqual([]);
  });

  it('have the same code in both languages, comments aside', () => {
    const [english, chinese] = ['README.md', 'README.zh-CN.md'].map((name) =>
      codeBlocks(readFileSync(join(root, name), 'utf8')),
    );
    expect(english?.length).toBeGreaterThan(10);
    expect(chinese).toEqual(english);
  });

  it.each(['README.md', 'README.zh-CN.md', 'cli/commands/up.ts'])(
    'wait for the lab that %s has just started, not for the output of an earlier one, and stop no other job',
    (name) => {
      const text = readFileSync(join(root, name), 'utf8');
      const started = [...text.matchAll(/^(.*)kpsim (?:up|kms) .*> (\S+) &(.*)$/gm)];
      expect(started).not.toEqual([]);
      for (const [line, before = '', file = '', after] of started) {
        expect(text.slice(0, text.indexOf(line) + before.length)).toMatch(
          new RegExp(`rm -f ${file}(?: +#.*\\n|[\\n;]).*$`),
        );
        expect(after).toMatch(/^ \w+=\$!$/);
      }
      expect(text).not.toContain('kill %');
    },
  );

  it('say which operations are performed, as the registries have them', async () => {
    await expect(protocolCoverageDocument()).toMatchFileSnapshot(join(root, 'docs', 'protocol-coverage.md'));
  });

  it('list the attestation reasons as the code has them', async () => {
    await expect(attestationReasonsDocument()).toMatchFileSnapshot(
      join(root, 'docs', 'attestation-reasons.md'),
    );
  });
});
