#!/usr/bin/env node
/** `dist/sluice.js`: what is started. */
import { loadCode } from './code.ts';

loadCode(import.meta.dirname).run();
