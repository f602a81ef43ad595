/** node:http's own classes, for floors that import no sockets. */
import { IncomingMessage, type RequestListener, ServerResponse } from "node:http";

export type Listener = RequestListener;
export { IncomingMessage as NodeIncomingMessage, ServerResponse as NodeServerResponse };
