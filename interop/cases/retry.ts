import { downloadCase } from "./download.ts";

export const retry = downloadCase({
  name: "retry",
  shows: "the client first proves its address with a Retry token (RFC 9000 §8.1.2); then 100 MiB",
  protocol: "h3",
  needs: "retry",
  retry: true,
  paths: (site) => [site.bulk],
});
