import { writeClockInfo } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_ReadClock (TPM 2.0 Part 3 §29.1): time since power on and the clock. */
export const readClock: CommandHandler = (device, call) => {
  call.end();
  const time = BigInt(device.timeMs);
  const clockInfo = device.clockInfo();
  return {
    parameters: (writer) => {
      writer.u64(time);
      writeClockInfo(writer, clockInfo);
    },
  };
};
