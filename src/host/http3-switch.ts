/** NAGARE_DISABLE_H3: the way back from HTTP/3 without a change of code, for servers and clients alike. */

export const isHttp3Disabled = (): boolean => {
  const value = process.env.NAGARE_DISABLE_H3 ?? "";
  return value !== "" && value !== "0";
};
