import { describe, expect, it } from 'vitest';

import { TtlvWriter, recycleMessage, tagValue } from '../../../wire/kmip/index.js';

const TAG = tagValue('UniqueIdentifier');

describe('buffers of messages', () => {
  it('are cleared before they are used again', () => {
    const first = new TtlvWriter();
    first.byteString(TAG, Buffer.alloc(61, 0xff));
    const written = first.finish();
    recycleMessage(written);
    expect(written.every((byte) => byte === 0)).toBe(true);

    const second = new TtlvWriter();
    second.textString(TAG, 'a');
    const again = second.finish();
    expect(again.buffer).toBe(written.buffer);
    expect(again.toString('hex')).toBe('42009407' + '00000001' + '6100000000000000');
  });

  it('are not shared by messages that are written at the same time', () => {
    const writers = Array.from({ length: 200 }, () => new TtlvWriter());
    for (const [index, writer] of writers.entries()) writer.integer(TAG, index);
    const messages = writers.map((writer) => writer.finish());
    expect(messages.map((message) => message.readInt32BE(8))).toEqual(messages.map((_, index) => index));
    expect(new Set(messages.map((message) => message.buffer)).size).toBe(messages.length);
  });

  it('keep no part of a text that turns out not to be ASCII', () => {
    const writer = new TtlvWriter();
    writer.textString(TAG, 'abcdefgh\u{1f511}');
    const bytes = writer.finish();
    expect(bytes.readUInt32BE(4)).toBe(12);
    expect(bytes.subarray(8).toString('hex')).toBe(
      Buffer.from('abcdefgh\u{1f511}').toString('hex') + '00000000',
    );
  });
});
