import { downloadCase } from "./download.ts";

/** The client proves its address with a Retry token before the server accepts it (RFC 9000 §8.1.2). */
export const retry = downloadCase({
  name: "retry",
  protocol: "h3",
  needs: "retry",
  retry: true,
  paths: (site) => [site.bulk],
});
