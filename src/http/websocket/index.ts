/** WebSocket frames (RFC 6455). */

export { WebSocketError, WebSocketReader, WebSocketStatus } from "./frame-reader.ts";
export { closePayload, Opcode, webSocketFrame } from "./frame-writer.ts";
