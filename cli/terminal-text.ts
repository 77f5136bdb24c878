/** Control and formatting characters, line and paragraph separators, lone surrogates: what steers a terminal. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text from outside as a terminal may see it, on one line: what would steer the terminal is written as `\uXXXX`. */
export function plainText(text: string): string {
  return text.replace(STEERING, escaped);
}

/** JSON for files and terminals alike: the same value to a parser, with nothing in it that steers a terminal. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replace(STEERING, (character) =>
    character === '\n' ? character : escaped(character),
  );
}

function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
