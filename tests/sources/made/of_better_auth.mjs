// Makes better_auth.json with the real better-auth 1.7.25 and its plugin @better-auth/api-key 1.7.5:
//   npm install --legacy-peer-deps better-auth@1.7.25 @better-auth/api-key@1.7.5 better-sqlite3
//   node of_better_auth.mjs > better_auth.json
// It is the table as the package made and filled it, and the keys that were handed out. Times are those of the run.
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { apiKey } from "@better-auth/api-key";
import Database from "better-sqlite3";

const DAY = 24 * 60 * 60;
const db = new Database(":memory:");
const auth = betterAuth({
  database: db,
  secret: crypto.randomUUID() + crypto.randomUUID(),
  baseURL: "http://localhost",
  emailAndPassword: { enabled: true },
  plugins: [apiKey({ enableMetadata: true, rateLimit: { enabled: true, maxRequests: 100, timeWindow: 60000 } })],
});
await (await getMigrations(auth.options)).runMigrations();

const live = {}, dead = [], refused = [];
for (let n = 0; n < 10; n++) {
  const { user } = await auth.api.signUpEmail({
    body: { email: `user${n}@example.com`, password: crypto.randomUUID(), name: `User ${n}` },
  });
  const make = async (given) => (await auth.api.createApiKey({ body: { userId: user.id, ...given } })).key;
  live[await make({ name: "ci", prefix: "ba_", permissions: { projects: ["read", "write"] }, metadata: { plan: "pro" } })] = user.id;
  live[await make({ expiresIn: 30 * DAY, remaining: 50 })] = user.id;
  live[await make({ remaining: 5, refillAmount: 5, refillInterval: DAY * 1000, rateLimitEnabled: false })] = user.id;
  if (n === 0) {
    const off = await auth.api.createApiKey({ body: { userId: user.id, name: "off" } });
    await auth.api.updateApiKey({ body: { keyId: off.id, userId: user.id, enabled: false } });
    dead.push(off.key);
    refused.push(await make({ remaining: 5, refillAmount: 5, refillInterval: 1000 }));
  }
}
const [{ sql }] = db.prepare("SELECT sql FROM sqlite_master WHERE name = 'apikey'").all();
const rows = db.prepare("SELECT * FROM apikey").all();
console.log(JSON.stringify({ made_at: new Date(), create: sql, rows, live, dead, refused }, null, 1));
