/** moq-lite-05: codec and session. */

export { LITE_ERRORS } from "./errors.ts";
export type { LiteEvent } from "./events.ts";
export { type LiteGroupEvent, LiteGroupReader, LiteGroupSender } from "./group.ts";
export {
  LITE_PROTOCOL,
  type LiteAnnouncement,
  type LiteDatagram,
  type LiteDelivery,
  type LiteSetup,
  type LiteSubscribe,
  type LiteSubscribeAnswer,
  type LiteTrackInfo,
  litePath,
  MAX_LITE_DATAGRAM,
  MAX_LITE_MESSAGE,
} from "./messages.ts";
export { LiteSession, type LiteSessionOptions } from "./session.ts";
