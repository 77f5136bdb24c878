import { tagValue } from '../../wire/kmip/index.js';
import type { FramingName } from './load-protocol.js';

/** What a load generator must know of a protocol. */
export interface Framing {
  /** Bytes of the whole response of which this is the beginning; more than is there while that cannot be told. */
  readonly lengthOf: (beginning: Buffer) => number;
  readonly isSuccess: (response: Buffer) => boolean;
  /** How a response is shown that is none. */
  readonly shownAs: 'hex' | 'latin1';
}

const TTLV_HEADER_BYTES = 8;
/** Tag, type and length of a Result Status; the value 0 behind it is Success. */
const RESULT_STATUS = Buffer.alloc(TTLV_HEADER_BYTES);
RESULT_STATUS.writeUInt32BE(tagValue('ResultStatus') * 0x100 + 0x05);
RESULT_STATUS.writeUInt32BE(4, 4);

/** Where the Result Status was found last; responses to one kind of request have it at one place. */
let statusOffset = 0;

function isStatusAt(response: Buffer, offset: number): boolean {
  return (
    offset > 0 &&
    response.length >= offset + 16 &&
    response.readUInt32BE(offset) === RESULT_STATUS.readUInt32BE(0)
  );
}

const HEAD_END = Buffer.from('\r\n\r\n');
const HTTP_SUCCESS = Buffer.from('HTTP/1.1 200 ');

/** The protocols that servers are loaded in. */
export const FRAMINGS: Readonly<Record<FramingName, Framing>> = {
  ttlv: {
    lengthOf: (beginning) =>
      beginning.length < TTLV_HEADER_BYTES ? Infinity : TTLV_HEADER_BYTES + beginning.readUInt32BE(4),
    isSuccess(response) {
      if (!isStatusAt(response, statusOffset)) statusOffset = response.indexOf(RESULT_STATUS);
      return statusOffset >= 0 && response.readUInt32BE(statusOffset + TTLV_HEADER_BYTES) === 0;
    },
    shownAs: 'hex',
  },
  http: {
    lengthOf(beginning) {
      const headBytes = beginning.indexOf(HEAD_END);
      if (headBytes < 0) return Infinity;
      const length = /^content-length: *(\d+)/im.exec(beginning.toString('latin1', 0, headBytes))?.[1];
      return headBytes + HEAD_END.length + Number(length ?? 0);
    },
    isSuccess: (response) => response.subarray(0, HTTP_SUCCESS.length).equals(HTTP_SUCCESS),
    shownAs: 'latin1',
  },
};
