/** How long the header of each unit is, and which type announces it. */

import { FLOW_KINDS, UNIT_HEADER, type Unit, UnitType } from "./types.ts";

/** Bytes that OPEN has more if it names the flow's sender. */
export const CHAIN_TAG = 20;

/** Bytes of header by type, the general part included; without the runs of ACK and CONFIRM, and without the sender in OPEN. */
export const HEADER_LENGTH: Readonly<Record<number, number>> = {
  [UnitType.statelessDatagram]: 12,
  [UnitType.statefulDatagram]: 20,
  [UnitType.statelessStream]: 16,
  [UnitType.statefulStream]: 24,
  [UnitType.open]: 24,
  [UnitType.close]: 16,
  [UnitType.pause]: 16,
  [UnitType.resume]: 16,
  [UnitType.ack]: 16,
  [UnitType.resource]: 20,
  [UnitType.grant]: 24,
  [UnitType.confirm]: 24,
};

/** The type that stands for a unit on the wire. */
export function typeOf(unit: Unit): number {
  switch (unit.type) {
    case "datagram":
      return unit.part === undefined ? UnitType.statelessDatagram : UnitType.statefulDatagram;
    case "stream":
      return unit.isStateful ? UnitType.statefulStream : UnitType.statelessStream;
    case "unknown":
      return unit.code;
    default:
      return UnitType[unit.type];
  }
}

/** Bytes of the unit's header on the wire. */
export function unitHeader(unit: Unit): number {
  if (unit.type === "unknown") return UNIT_HEADER;
  const header = HEADER_LENGTH[typeOf(unit)]!;
  if (unit.type === "ack" || unit.type === "confirm") return header + 2 * unit.runs.length;
  return unit.type === "open" && unit.chain !== undefined ? header + CHAIN_TAG : header;
}

/** Bytes of the unit on the wire. */
export const unitLength = (unit: Unit): number =>
  unit.type === "datagram" || unit.type === "stream" ? unitHeader(unit) + unit.payload.length : unitHeader(unit);

/** The number of a kind in OPEN: that of its units' type. */
export const kindCode = (kind: (typeof FLOW_KINDS)[number]): number => FLOW_KINDS.indexOf(kind) + 1;
