export * from "./client.js";
export * from "./errors.js";
export { parseKey, type ParsedKey } from "./key.js";
export type * from "./operations.js";
export type { CallOptions } from "./sending.js";
export type { Ask, Refused, ScopesAsked, Valid, ValidKey, ValidSession, Verdict } from "./verdict.js";
