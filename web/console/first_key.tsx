// The list of keys while there are none.

import { useSignal } from "@preact/signals";
import { may } from "./api.js";
import { Code, Link, Tabs } from "./parts.js";
import { address } from "./place.js";

const FIRST_STEPS: Readonly<Record<string, string>> = {
  Flask: `from tokenry.ext.flask import FlaskTokenry

auth = FlaskTokenry(app)

@app.get("/projects")
@auth.key_required("read:projects")
def projects(): ...`,
  FastAPI: `from tokenry import AsyncTokenry
from tokenry.ext.fastapi import FastAPITokenry

auth = FastAPITokenry(app, AsyncTokenry("sqlite:///keys.db"))

@app.get("/projects", dependencies=[Depends(auth.key_required("read:projects"))])
async def projects(): ...`,
  Express: `import { Client } from "@tokenry/client";
import { requireKey } from "@tokenry/client/express";

const tk = new Client({ server: "${location.origin}", key: process.env.TOKENRY_KEY });
app.get("/projects", requireKey(tk, { scopes: "read:projects" }), projects);`,
};

/** The empty state: the first key, and how an API asks for it in three frameworks. */
export function FirstKey() {
  const framework = useSignal("Flask");
  return (
    <section class="card welcome">
      <div>
        <h2>Issue the first key</h2>
        <p>A key belongs to an owner, a user or a service of yours, and may do what its scopes say. Its secret is shown once.</p>
        {may("keys:write") && <p><Link to={address("/issue")} class="button primary">Issue the first key</Link></p>}
      </div>
      <div>
        <h2>Let your API ask for it</h2>
        <Tabs names={Object.keys(FIRST_STEPS)} chosen={framework.value} onChoose={(name) => (framework.value = name)} />
        <Code text={FIRST_STEPS[framework.value] ?? ""} label={framework.value} />
      </div>
    </section>
  );
}
