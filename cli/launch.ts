#!/usr/bin/env node
import { fileURLToPath } from 'node:url';

import { compileProgram, runProgram } from './compiled-program.js';

/** The bundle of main.ts, relative to what this file is built to; the build fills it in. */
declare const PROGRAM: string;

const bundlePath = fileURLToPath(new URL(PROGRAM, import.meta.url));
runProgram(compileProgram(bundlePath), bundlePath);
