/** Classes of node:http, for floors that may not import it. */
import { IncomingMessage, type RequestListener, ServerResponse } from "node:http";

export type Listener = RequestListener;
export { IncomingMessage as NodeIncomingMessage, ServerResponse as NodeServerResponse };
