// The option that selects the congestion controller of our side, for all commands that use QUIC.
import { Option } from "commander";
import { CONGESTION_CONTROLS } from "../congestion/index.ts";

export const congestionControlOption = (): Option =>
  new Option("--congestion-control <name>", "what decides how fast to send over HTTP/3 (cubic)").choices(
    CONGESTION_CONTROLS,
  );
