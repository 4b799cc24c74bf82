// Read the parts of a key from its text, without asking a server.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const FORM = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*_1[0-9A-Za-z]{73}$/;
const WHOLE = /(?<![0-9A-Za-z])1[0-9A-Za-z]{73}(?![0-9A-Za-z])/g;
const TOKEN = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}/;
const PREFIX_MAX = 24;
const TAIL = 74;
const KID = 16;
const CHECKSUM = 6;

/** The public parts of a key. */
export interface ParsedKey {
  kind: "key" | "operator key" | "refresh token";
  prefix: string;
  environment: string;
  /** Names the secret: lists and logs show it. */
  kid: string;
}

/**
 * Return the public parts of a key with a right checksum; null for any other text.
 *
 * A key that was copied in part, or mistyped, is found without a request. Only the server knows whether a key is valid.
 */
export function parseKey(text: string): ParsedKey | null {
  if (text.length > PREFIX_MAX + 1 + TAIL || !FORM.test(text)) return null;
  const prefix = text.slice(0, text.length - TAIL - 1);
  if (prefix.length > PREFIX_MAX) return null;
  if (text.slice(-CHECKSUM) !== base62(crc32(text.slice(0, -CHECKSUM)))) return null;
  const environment = prefix.slice(prefix.lastIndexOf("_") + 1);
  const kid = text.slice(text.length - TAIL + 1, text.length - TAIL + 1 + KID);
  const kind = environment === "op" ? "operator key" : environment === "rt" ? "refresh token" : "key";
  return { kind, prefix, environment, kid };
}

/** Tell whether a text holds a whole key or an access token, which no URL and no log may hold. */
export function holdsCredential(text: string): boolean {
  for (const [found] of text.matchAll(WHOLE)) if (found !== found.toLowerCase()) return true;
  return TOKEN.test(text);
}

function base62(number: number): string {
  let text = "";
  for (let place = 0; place < CHECKSUM; place++) {
    text = ALPHABET.charAt(number % 62) + text;
    number = Math.floor(number / 62);
  }
  return text;
}

function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let place = 0; place < text.length; place++) {
    crc ^= text.charCodeAt(place);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
