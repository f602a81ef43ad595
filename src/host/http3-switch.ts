/** NAGARE_DISABLE_H3 disables HTTP/3 without a code change, in servers and clients. */

export const isHttp3Disabled = (): boolean => {
  const value = process.env.NAGARE_DISABLE_H3 ?? "";
  return value !== "" && value !== "0";
};
