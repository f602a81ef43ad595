/** The Capsule Protocol and the payload of HTTP Datagrams (RFC 9297). */

export { CAPSULE_PROTOCOL_FIELD, hasCapsuleProtocol } from "./capsule-protocol.ts";
export { CapsuleError, CapsuleReader, type CapsuleSink, type CapsuleTreatment } from "./capsule-reader.ts";
export { CapsuleType } from "./capsule-type.ts";
export { capsule, capsuleHead, datagramCapsule } from "./capsule-writer.ts";
