// Screen 2: a new key, and then its secret.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { IssuedDocument, KeysIssueAsked } from "../client/operations.js";
import { issueKey } from "./api.js";
import { KeyForm, OPERATORS } from "./key_form.js";
import { Link, Problem, Title } from "./parts.js";
import { address, go, place } from "./place.js";
import { Secret } from "./secret.js";

const PENDING = "tokenry-issue";

/** A request that survives a reload, without its answer. The server repeats the answer for ten minutes. */
interface Pending {
  asked: KeysIssueAsked;
  at: number;
}

function pending(): Pending | null {
  const found = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
  return found && Date.now() - found.at < 600_000 ? found : null;
}

export function Issue() {
  const issued = useSignal<IssuedDocument | null>(null);
  const error = useSignal<unknown>(null);
  const send = async (asked: KeysIssueAsked) => {
    sessionStorage.setItem(PENDING, JSON.stringify({ asked, at: pending()?.at ?? Date.now() }));
    try {
      issued.value = await issueKey(asked);
    } catch (problem) {
      sessionStorage.removeItem(PENDING);
      throw problem;
    }
  };
  useEffect(() => {
    const found = pending();
    if (found) send(found.asked).catch((problem) => (error.value = problem));
    // A reload does not come here: then the same request gets the same secret again.
    return () => sessionStorage.removeItem(PENDING);
  }, []);
  if (issued.value) return <Secret issued={issued.value} title="The new key" undo onDone={(id) => go(address(`/keys/${id}`))} />;
  const isOperators = place.value.query.get("environment") === OPERATORS;
  return (
    <>
      <Title
        text={isOperators ? "New operator’s key" : "New key"}
        above={isOperators ? <Link to={address("/operators")}>Operators</Link> : <Link to={address("/")}>Keys</Link>}
      />
      <Problem error={error.value} />
      <KeyForm submit="Issue key" onSubmit={(fields) => send({ ...fields, idempotency_key: crypto.randomUUID() } as KeysIssueAsked)} />
    </>
  );
}
