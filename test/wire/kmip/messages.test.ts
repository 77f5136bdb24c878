import { describe, expect, test } from 'vitest';

import {
  KmipError,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../../wire/kmip/index.js';
import { testCaseMessages } from './vectors.js';
import { fc } from '../../property.js';

const messages = testCaseMessages();

describe('every message of the OASIS KMIP 1.1 test cases', () => {
  test.each(
    messages.map((message, index) => [
      index,
      message.case,
      message.dir,
      message.operations.join(),
      message.hex,
    ]),
  )(
    '#%i of %s (%s %s) decodes, and encodes to the same bytes',
    (_index, _case, direction, _operations, hex) => {
      const bytes = Buffer.from(hex, 'hex');
      const again =
        direction === 'request' ? encodeRequest(decodeRequest(bytes)) : encodeResponse(decodeResponse(bytes));
      expect(again.toString('hex')).toBe(hex);
    },
  );
});

test('a message damaged at any place is decoded or refused with a KMIP error, never worse', () => {
  const requests = messages.filter((message) => message.dir === 'request');
  fc.assert(
    fc.property(fc.nat(requests.length - 1), fc.nat(), fc.nat(255), (which, at, byte) => {
      const bytes = Buffer.from(requests[which]!.hex, 'hex');
      bytes[at % bytes.length] = byte;
      try {
        decodeRequest(bytes, { deferPayloadErrors: true });
      } catch (error) {
        expect(error).toBeInstanceOf(KmipError);
      }
    }),
    { numRuns: 500 },
  );
});
