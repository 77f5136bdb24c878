import type { Observed } from './observed.js';
import type { Stage } from './stage.js';

/** What can be done once the cause of a scenario is in place. */
export interface Act {
  /** Attests, or uses the result, as a host would. */
  attempt(): Promise<Observed>;
  /** What passes by itself, without anybody changing anything, before a second attempt: a service that comes back. */
  readonly meanwhile?: (() => Promise<void>) | undefined;
}

/** Remembers how to put something back; done in reverse order when the play is over, however it ended. */
export type Mend = (undo: () => Promise<void> | void) => void;

/** One scenario on a stage: puts the cause in place. */
export type Play = (stage: Stage, mend: Mend) => Promise<Act>;

/** Moves the clock of the stage, and back in the end. */
export function passTime({ clock }: Stage, mend: Mend, ms: number): void {
  clock.advance(ms);
  mend(() => {
    clock.advance(-ms);
  });
}
