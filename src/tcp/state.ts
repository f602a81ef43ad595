/** The states of a connection (RFC 9293 §3.3.2). LISTEN belongs to a listener, which is not a connection. */

export type TcpState =
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSE-WAIT"
  | "CLOSING"
  | "LAST-ACK"
  | "TIME-WAIT"
  | "CLOSED";

/** True if both sides know each other's initial sequence number. */
export const isSynchronized = (state: TcpState): boolean =>
  state !== "SYN-SENT" && state !== "SYN-RECEIVED" && state !== "CLOSED";

/** True if the application may still write. */
export const maySend = (state: TcpState): boolean => state === "ESTABLISHED" || state === "CLOSE-WAIT";

/** True if data of the peer is taken. */
export const mayReceive = (state: TcpState): boolean =>
  state === "ESTABLISHED" || state === "FIN-WAIT-1" || state === "FIN-WAIT-2";
