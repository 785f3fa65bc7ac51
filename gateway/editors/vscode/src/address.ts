/** Where a gateway is, as a person writes it into the settings. */

/** The address in the one form that everything is kept under; an error says what is wrong with it. */
export function gatewayAddress(written: string): string {
  let url: URL;
  try {
    url = new URL(written.trim());
  } catch {
    throw new Error(`the address of the gateway is not a URL: ${written.trim() || "(empty)"}`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new Error("the address of the gateway begins with http: or https:");
  }
  if (url.username || url.password) {
    throw new Error("the address of the gateway holds no name and no password: log in instead");
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/** The name that a token is kept under: a gateway never gets the token of another one. */
export const secretName = (address: string): string => `narthex.token ${address}`;
