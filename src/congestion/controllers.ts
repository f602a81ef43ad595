/** The table of controllers. */

import type { Rng } from "../base/rng.ts";
import { Bbr } from "./bbr/bbr.ts";
import type { CongestionController } from "./controller.ts";
import { Cubic } from "./cubic.ts";
import { NewReno } from "./new-reno.ts";

const CONTROLLERS = {
  /** RFC 9438, with HyStart++ (RFC 9406). */
  cubic: Cubic,
  /** RFC 9002 §7, with HyStart++ (RFC 9406). */
  newreno: NewReno,
  /** draft-ietf-ccwg-bbr, version 3. */
  bbr: Bbr,
} as const;

export type CongestionControl = keyof typeof CONTROLLERS;

export const CONGESTION_CONTROLS = Object.keys(CONTROLLERS) as readonly CongestionControl[];

export const createController = (name: CongestionControl, maxDatagramSize: number, rng: Rng): CongestionController =>
  new CONTROLLERS[name](maxDatagramSize, rng);
