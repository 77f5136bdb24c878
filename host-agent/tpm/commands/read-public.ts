import { writeTpmtPublic } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_ReadPublic (TPM 2.0 Part 3 §12.4). */
export const readPublic: CommandHandler = (device, call) => {
  const object = device.object(call.handle(1), 1);
  call.end();
  return {
    parameters: (writer) => {
      writer
        .sizedStructure((inner) => {
          writeTpmtPublic(inner, object.publicArea);
        })
        .sized(object.name)
        .sized(object.qualifiedName);
    },
  };
};
