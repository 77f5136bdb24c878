/** A value that is there already, or will be. */
export type Promised<T> = T | Promise<T>;

/**
 * Goes on with a value: at once if it is there, which spares busy paths a turn of the microtask queue, and later if it
 * is promised.
 */
export function whenThere<T, R>(value: Promised<T>, next: (value: T) => Promised<R>): Promised<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
