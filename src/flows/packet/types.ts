/** What one DFMP packet carries: a header, and DFCP units chained behind it. The layout is ours: see the README. */

/** The high half of the first byte. */
export const VERSION = 1;

/** What kind of header a packet has. */
export const PacketType = {
  /** Units only. */
  multiplexed: 1,
  /** The header goes on with the ids of the relays that the packet passed. */
  relayed: 2,
} as const;

/** The twelve flag bits of a packet. */
export const PacketFlag = {
  /** The sender wants to know that the packet arrived. */
  ackRequested: 0x001,
  /** Bytes follow the chain that mean nothing. */
  padded: 0x002,
  /** One of the units is ACK or RESOURCE. */
  feedback: 0x004,
} as const;

/** The first byte of a unit. */
export const UnitType = {
  statelessDatagram: 0x01,
  statefulDatagram: 0x02,
  statelessStream: 0x03,
  statefulStream: 0x04,
  open: 0x10,
  close: 0x11,
  pause: 0x12,
  resume: 0x13,
  ack: 0x14,
  resource: 0x15,
  grant: 0x16,
  confirm: 0x17,
} as const;

/** The last byte of a unit's general header. */
export const UnitFlag = {
  /** The stream ends with this unit. */
  fin: 0x01,
  /** The first and the last fragment of a message; both for a whole one. */
  first: 0x02,
  last: 0x04,
  /** Worth nothing after its deadline. */
  discardable: 0x08,
} as const;

/** A deadline, in milliseconds after the packet's timestamp, that is none. */
export const NO_DEADLINE = 0xffff;

/** The flow id of units that concern the whole session. */
export const ALL_FLOWS = 0;

/** The four services. */
export type FlowKind = "stateless-datagram" | "stateful-datagram" | "stateless-stream" | "stateful-stream";

/** In the order of their unit types, from 1 on. */
export const FLOW_KINDS: readonly FlowKind[] = [
  "stateless-datagram",
  "stateful-datagram",
  "stateless-stream",
  "stateful-stream",
];

/** A message, or a part of one. */
export interface DatagramUnit {
  readonly type: "datagram";
  readonly flow: number;
  /** Undefined for the stateless service, which numbers nothing and sends no fragments. */
  readonly part: MessagePart | undefined;
  readonly isDiscardable: boolean;
  readonly payload: Uint8Array;
}

/** Where a stateful datagram belongs, and until when it is worth something. */
export interface MessagePart {
  readonly message: number;
  readonly fragment: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Milliseconds after the packet's timestamp; NO_DEADLINE for none. */
  readonly deadline: number;
  readonly priority: number;
}

/** Bytes of a stream. */
export interface StreamUnit {
  readonly type: "stream";
  readonly flow: number;
  readonly isStateful: boolean;
  /** Modulo 2^32 for the stateless service. */
  readonly offset: number;
  /** Milliseconds after the packet's timestamp; NO_DEADLINE for none, and for the stateless service. */
  readonly deadline: number;
  readonly priority: number;
  readonly isFin: boolean;
  readonly payload: Uint8Array;
}

/** Announces a flow, and what it will cost. */
export interface OpenUnit {
  readonly type: "open";
  readonly flow: number;
  readonly kind: FlowKind;
  /** 0 is the highest. */
  readonly priority: number;
  /** Milliseconds between two units; 0 if there is no rule. */
  readonly period: number;
  /** Bytes of the largest unit. */
  readonly maxUnit: number;
  /** Microseconds of the receiver's processor for each unit. */
  readonly cost: number;
  /** Of flows that are confirmed by their last receiver. */
  readonly chain?: ChainTag | undefined;
}

/** Who sends a flow, for receivers that it reaches through relays, and again after one of them failed. */
export interface ChainTag {
  /** Of the sender: 16 hexadecimal digits that nobody guesses. */
  readonly origin: string;
  /** The number of the flow at its sender, the same on every way. */
  readonly number: number;
  /** The byte of the whole stream at which this way begins. */
  readonly base: number;
}

/** Ends a flow, or the session. */
export interface CloseUnit {
  readonly type: "close";
  readonly flow: number;
  readonly code: number;
}

/** Asks the sender of a flow to wait. */
export interface PauseUnit {
  readonly type: "pause";
  readonly flow: number;
  /** A timestamp; 0 until RESUME. */
  readonly until: number;
}

/** Lets it go on. */
export interface ResumeUnit {
  readonly type: "resume";
  readonly flow: number;
  /** Bytes per second; 0 without a limit. */
  readonly rate: number;
}

/** Which packets have arrived. */
export interface AckUnit {
  readonly type: "ack";
  /** The lowest 32 bits of a sequence number. */
  readonly largest: number;
  /** Microseconds between the arrival of the largest and this unit. */
  readonly delay: number;
  /** Packets missing, packets there, …, downwards from the largest. The first number missing is 0. */
  readonly runs: readonly number[];
}

/** What the receiver can still take. */
export interface ResourceUnit {
  readonly type: "resource";
  /** Bytes per second; 0 if unknown. */
  readonly link: number;
  /** Thousandths of a processor. */
  readonly cpuFree: number;
  /** Milliseconds that a unit waits before it is processed. */
  readonly queue: number;
  /** KiB. */
  readonly memory: number;
}

/** Lets a paused flow send this much. */
export interface GrantUnit {
  readonly type: "grant";
  readonly flow: number;
  readonly bytes: number;
  /** A timestamp; 0 for now. */
  readonly start: number;
  /** Milliseconds. */
  readonly window: number;
}

/** What has reached the last receiver of a flow. Relays pass it on to the flow's sender. */
export interface ConfirmUnit {
  readonly type: "confirm";
  readonly flow: number;
  /** Bytes of the whole stream in order, or the highest number of a message plus one. */
  readonly end: number;
  /** Messages that came late, of all that have come. */
  readonly late: number;
  /** The end of the stream has arrived, too. */
  readonly isFin: boolean;
  /** Of messages: missing, there, …, downwards from `end`, as in ACK. */
  readonly runs: readonly number[];
}

/** A unit that this version does not know. */
export interface UnknownUnit {
  readonly type: "unknown";
  readonly code: number;
}

/** Units that are repeated until they have arrived. */
export type ControlUnit = OpenUnit | CloseUnit | PauseUnit | ResumeUnit | GrantUnit | ConfirmUnit;
/** What is chained in a packet. */
export type Unit = DatagramUnit | StreamUnit | ControlUnit | AckUnit | ResourceUnit | UnknownUnit;

/** One packet. Payloads are views into its bytes. */
export interface FlowPacket {
  readonly flags: number;
  readonly sequence: number;
  /** Of the sender's clock, in units of 16 µs, modulo 2^32. */
  readonly timestamp: number;
  /** Ids of the relays it passed, the first one first. */
  readonly path: readonly number[];
  readonly units: readonly Unit[];
  /** Units that were dropped because their checksum is wrong. */
  readonly corrupt: number;
}

/** Bytes of a packet's header without relays. */
export const PACKET_HEADER = 16;
/** Bytes of the header that all units have. */
export const UNIT_HEADER = 8;
/** Relays that a packet may name; a longer way is a loop. */
export const MAX_PATH = 16;
/** Pairs of runs in one ACK. */
export const MAX_ACK_PAIRS = 64;
