import { VAPI_ERROR_TYPES } from '../../core/http/index.js';

/** An answer over HTTPS. */
export interface FuzzAnswer {
  readonly status: number;
  readonly text: string;
}

/** What became of a message. */
export interface Verdict {
  /** What is wrong with the answer, in words that are the same for the same defect; undefined if nothing is. */
  readonly defect: string | undefined;
  /** The reason or the type of error, or what else was answered. */
  readonly outcome: string;
}

/**
 * Judges an answer: a refusal is one of 400 to 499 in the vAPI's form, nothing answers with a secret, and no host is
 * attested nor key released for a message that was changed in what must be judged.
 *
 * @param mayPass whether the message is still as good as the one it was made from
 * @param secrets texts that no answer may hold
 */
export function verdictOn(answer: FuzzAnswer, mayPass: boolean, secrets: readonly string[]): Verdict {
  const { status, text } = answer;
  if (secrets.some((secret) => text.includes(secret))) return defective('an answer with a secret');
  const body = parsed(text);
  if (status >= 500) return defective(`status ${status}`);
  if (status >= 400) return refusal(body);
  if (status === 204) return mayPass ? accepted('204') : defective('204 for what is to be refused');
  if (typeof body === 'object' && body !== null && 'attested' in body) {
    if (body.attested === true) {
      return mayPass ? accepted('attested') : defective('attested by changed evidence');
    }
    return accepted('not attested');
  }
  return mayPass ? accepted(String(status)) : defective(`status ${status} for what is to be refused`);
}

function refusal(body: unknown): Verdict {
  if (typeof body !== 'object' || body === null || !('error_type' in body) || !('messages' in body)) {
    return defective('a refusal that is not in the vAPI form');
  }
  const { error_type: type, messages } = body;
  if (typeof type !== 'string' || !Object.hasOwn(VAPI_ERROR_TYPES, type)) {
    return defective('a refusal of an unknown type');
  }
  const [first] = Array.isArray(messages) ? (messages as unknown[]) : [];
  if (typeof first !== 'object' || first === null || !('default_message' in first) || !('id' in first)) {
    return defective('a refusal without message');
  }
  const data: unknown = 'data' in body ? body.data : undefined;
  const reason = typeof data === 'object' && data !== null && 'reason' in data ? String(data.reason) : type;
  return accepted(reason);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function defective(defect: string): Verdict {
  return { defect, outcome: 'defect' };
}

function accepted(outcome: string): Verdict {
  return { defect: undefined, outcome };
}
