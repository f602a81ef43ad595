/** Kinds of programs: what their context looks like, and what the host puts in it. */

export interface ContextField {
  readonly name: string;
  readonly offset: number;
  /** Bytes. */
  readonly size: 4 | 8;
  /** What a program finds there. Pointers are addresses in the arena, whose upper half is zero. */
  readonly kind: "scalar" | "packet" | "packet-end" | "packet-meta";
  readonly writable?: boolean;
}

/** A kind of program: its context, and what it may do. */
export interface ProgramType {
  readonly name: ProgramTypeName;
  /** Linux's number, for bpf(2). */
  readonly number: number;
  /** Prefixes of sections that hold such programs. */
  readonly sections: readonly string[];
  /** Bytes of the context. */
  readonly contextSize: number;
  readonly fields: readonly ContextField[];
  /** Bytes in front of a packet that `xdp_adjust_head` may claim. */
  readonly headroom: number;
  /** True if the program may write to the packet. */
  readonly writesPacket: boolean;
  /** True if the deprecated packet instructions work. */
  readonly hasPacketLoads: boolean;
  /** Names of results, for people. */
  readonly results: Readonly<Record<number, string>>;
}

/** The names of the kinds of programs. */
export type ProgramTypeName = "raw" | "socket-filter" | "sched-cls" | "xdp" | "sk-reuseport";

/** A sequence of u32 fields. */
function words(offset: number, names: string, writable: readonly string[] = []): readonly ContextField[] {
  return names.split(" ").map((name, index) => ({
    name,
    offset: offset + index * 4,
    size: 4,
    kind: KINDS[name] ?? "scalar",
    ...(writable.includes(name) ? { writable: true } : {}),
  }));
}

const KINDS: Readonly<Record<string, ContextField["kind"]>> = {
  data: "packet",
  data_end: "packet-end",
  data_meta: "packet-meta",
};

const CB = ["cb0", "cb1", "cb2", "cb3", "cb4"];

/** struct __sk_buff, up to the fields that mean something without a kernel. */
const skBuff = (writable: readonly string[], hasData: boolean): readonly ContextField[] =>
  words(
    0,
    "len pkt_type mark queue_mapping protocol vlan_present vlan_tci vlan_proto priority ingress_ifindex ifindex tc_index " +
      "cb0 cb1 cb2 cb3 cb4 hash tc_classid data data_end napi_id family remote_ip4 local_ip4",
    writable,
  ).filter(({ name }) => (hasData ? true : !["data", "data_end", "tc_classid"].includes(name)));

/** A program over bare memory: r1 is its address and r2 its length. The conformance suite's programs are of this kind. */
export const RAW: ProgramType = {
  name: "raw",
  number: 0,
  sections: ["raw"],
  contextSize: 0,
  fields: [],
  headroom: 0,
  writesPacket: true,
  hasPacketLoads: true,
  results: {},
};

/** Filters for sockets. */
export const SOCKET_FILTER: ProgramType = {
  name: "socket-filter",
  number: 1,
  sections: ["socket"],
  contextSize: 192,
  fields: skBuff(CB, false),
  headroom: 0,
  writesPacket: false,
  hasPacketLoads: true,
  results: { 0: "drop" },
};

/** Classifiers of traffic control. */
export const SCHED_CLS: ProgramType = {
  name: "sched-cls",
  number: 3,
  sections: ["tc", "tcx", "classifier", "action"],
  contextSize: 192,
  fields: skBuff([...CB, "mark", "priority", "queue_mapping", "tc_index", "tc_classid"], true),
  headroom: 0,
  writesPacket: true,
  hasPacketLoads: true,
  results: { [-1]: "unspecified", 0: "ok", 1: "reclassify", 2: "shot", 3: "pipe", 4: "stolen", 7: "redirect" },
};

/** Programs at the network driver. */
export const XDP: ProgramType = {
  name: "xdp",
  number: 6,
  sections: ["xdp"],
  contextSize: 24,
  fields: words(0, "data data_end data_meta ingress_ifindex rx_queue_index egress_ifindex"),
  headroom: 256,
  writesPacket: true,
  hasPacketLoads: false,
  results: { 0: "aborted", 1: "drop", 2: "pass", 3: "tx", 4: "redirect" },
};

/** struct sk_reuseport_md. The packet begins with the UDP or TCP header. */
export const SK_REUSEPORT: ProgramType = {
  name: "sk-reuseport",
  number: 21,
  sections: ["sk_reuseport"],
  contextSize: 56,
  fields: [
    { name: "data", offset: 0, size: 8, kind: "packet" },
    { name: "data_end", offset: 8, size: 8, kind: "packet-end" },
    ...words(16, "len eth_protocol ip_protocol bind_inany hash"),
  ],
  headroom: 0,
  writesPacket: false,
  hasPacketLoads: false,
  results: { 0: "drop", 1: "pass" },
};

/** All kinds of programs. */
export const PROGRAM_TYPES: readonly ProgramType[] = [RAW, SOCKET_FILTER, SCHED_CLS, XDP, SK_REUSEPORT];

/** By the name of a section: `xdp`, `xdp/name`, `tc/ingress`. */
export function programTypeOfSection(section: string): ProgramType | undefined {
  const [first = ""] = section.replace(/^\?/, "").split(/[/.]/);
  return PROGRAM_TYPES.find(({ sections }) => sections.some((each) => first === each || section === each));
}

/** The kind with this name; undefined if there is none. */
export function programTypeOf(name: string): ProgramType | undefined {
  return PROGRAM_TYPES.find((type) => type.name === name);
}
