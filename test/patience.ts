/**
 * Loaded before each test file: waits of `vi.waitFor` and `vi.waitUntil` last as long as a slow machine needs, instead of one
 * second. `expect.poll` has an option for that in vitest.config.ts.
 */

import { vi } from "vitest";

const PATIENCE = 30_000;

const { waitFor, waitUntil } = vi;
const patient = (options: Parameters<typeof waitFor>[1]): Parameters<typeof waitFor>[1] =>
  typeof options === "number" ? options : { timeout: PATIENCE, ...options };

vi.waitFor = (callback, options) => waitFor(callback, patient(options));
vi.waitUntil = (callback, options) => waitUntil(callback, patient(options));
