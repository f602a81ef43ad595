// What frames of drafts about an origin's connections lead to: names to try (ALTSVCB), and hints to send (ACCEPT_CH).
import type { RaceEvent } from "../agent/index.ts";
import type { ServerFrameNews } from "../host/client/server-frames.ts";
import { ignore } from "../host/guard.ts";
import type { ClientSettings } from "./options.ts";

/** Told what happens, for traces. */
export type Tell = (event: RaceEvent) => void;

/** What tries the names of frames. */
export interface FrameTrials {
  handleFrame(url: URL, name: string, tell: Tell): void;
}

export const frameNews = (
  url: URL,
  { hints }: ClientSettings,
  trials: FrameTrials | undefined,
  tell: Tell,
): ServerFrameNews => ({
  onAltSvcb: trials && ((name) => trials.handleFrame(url, name, tell)),
  onAcceptCh:
    hints &&
    ((value, closed) => {
      const forget = hints.noteFrame(url.origin, value);
      void closed.then(forget).catch(ignore);
    }),
});
