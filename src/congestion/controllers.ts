/** The table of controllers. */

import type { CongestionController } from "./controller.ts";
import { Cubic } from "./cubic.ts";
import { NewReno } from "./new-reno.ts";

const CONTROLLERS = {
  /** RFC 9438, with HyStart++ (RFC 9406). */
  cubic: Cubic,
  /** RFC 9002 §7, with HyStart++ (RFC 9406). */
  newreno: NewReno,
} as const;

export type CongestionControl = keyof typeof CONTROLLERS;

export const createController = (name: CongestionControl, maxDatagramSize: number): CongestionController =>
  new CONTROLLERS[name](maxDatagramSize);
