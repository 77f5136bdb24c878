import * as z from 'zod';

import type { HttpStatusError, VapiErrorType } from '../../core/http/index.js';
import { VAPI_ERROR_TYPES, VapiError } from '../../core/http/index.js';
import { decodeFault } from '../../wire/vim25/index.js';

const faultBody = z.looseObject({ _typeName: z.string() });
const restBody = z.object({
  error_type: z.enum(Object.keys(VAPI_ERROR_TYPES) as [VapiErrorType, ...VapiErrorType[]]),
  messages: z.array(z.object({ id: z.string(), default_message: z.string(), args: z.array(z.string()) })),
  data: z.looseObject({ fault: faultBody.optional() }).optional(),
});

/** What a host's error answer meant: a `VimFault` or a `VapiError`; the answer itself if it is neither. */
export function hostErrorOf(answer: HttpStatusError): Error {
  const fault = faultBody.safeParse(answer.body);
  if (fault.success) return decodeFault(fault.data);
  const rest = restBody.safeParse(answer.body);
  if (!rest.success) return answer;
  const { error_type: type, messages, data } = rest.data;
  if (data?.fault) return decodeFault(data.fault);
  const [first, ...moreMessages] = messages;
  return new VapiError(type, first?.default_message ?? `The host answered ${answer.status}.`, {
    ...(first && { messageId: first.id }),
    moreMessages,
    ...(data && { data }),
    cause: answer,
  });
}
