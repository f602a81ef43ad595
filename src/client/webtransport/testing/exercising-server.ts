/** A handler whose sessions do what `interop/webtransport` exercises; one at "/idle" only waits for its end. */

import { exercise } from "../../../../interop/webtransport/exercise.ts";
import type { Handler } from "../../../host/http/fetch-handler.ts";
import { WebTransportError } from "../index.ts";

export const errorWith = (streamErrorCode: number): WebTransportError => new WebTransportError("", { streamErrorCode });

/** `ends` gets the end of each session, in the order in which they were accepted. */
export const exercising =
  (ends: Promise<unknown>[]): Handler =>
  (request, { webtransport }) => {
    if (webtransport === undefined) return new Response("no session", { status: 404 });
    const { pathname, searchParams } = new URL(request.url);
    const protocol = searchParams.get("protocol") ?? undefined;
    const session = webtransport.accept(protocol === undefined ? {} : { protocol });
    ends.push(
      pathname === "/idle"
        ? session.closed.catch((error: Error) => error)
        : exercise(session, errorWith, pathname === "/server-closes"),
    );
    return session.response;
  };
