// What every test of the client is told: where the server is, and an operator's key.
import { Client } from "@tokenry/client";

export const server = process.env.TOKENRY_SERVER;
export const tk = new Client();

let count = 0;

/** Issue a key of a new owner; return the key and its secret. */
export const issue = async (fields = {}) => {
  const owner = `user-${process.pid}-${++count}`;
  await tk.owners.put({ external_id: owner });
  return tk.keys.issue({ owner, name: "CI", ...fields });
};
