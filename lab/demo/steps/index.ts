import type { DemoStep } from '../step.js';
import { encryptStep } from './encrypt.js';
import { makeVmStep } from './make-vm.js';
import { migrateStep } from './migrate.js';
import { ROUTES } from './names.js';
import { plainVmotionStep } from './plain-vmotion.js';
import { powerOnStep } from './power-on.js';
import { rebootStep } from './reboot.js';
import { REFUSAL_STEPS } from './refusals.js';
import { startLabStep } from './start-lab.js';

/** Every step of the demo, in order. */
export const DEMO_STEPS: readonly DemoStep[] = [
  startLabStep,
  ...ROUTES.flatMap((route) => [makeVmStep, encryptStep, powerOnStep].map((make) => make(route))),
  ...ROUTES.flatMap((route) => [migrateStep, rebootStep].map((make) => make(route))),
  plainVmotionStep,
  ...REFUSAL_STEPS,
];
