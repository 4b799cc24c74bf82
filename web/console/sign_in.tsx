// Signing in: with an operator's key, once.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { CallerRefused } from "../client/errors.js";
import { parseKey } from "../client/key.js";
import { signIn, waiting } from "./api.js";
import { Field } from "./form.js";
import { Icon } from "./icons.js";
import { Dialog, told } from "./parts.js";

function Form({ onDone }: { onDone?: () => void }) {
  const error = useSignal("");
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const key = String(new FormData(form).get("key")).trim();
    if (parseKey(key)?.kind !== "operator key") {
      error.value = "This is no whole operator's key: those look like tk_op_1… and have a checksum at their end.";
      return;
    }
    busy.value = true;
    try {
      await signIn(key);
      form.reset();
      onDone?.();
    } catch (problem) {
      error.value =
        problem instanceof CallerRefused && problem.status === 401 ? "The server does not accept this key." : told(problem);
    } finally {
      busy.value = false;
    }
  };
  return (
    <form onSubmit={submit}>
      <Field label="Operator's key" hint="The cookie that you get holds no key. It ends with the key, or after 12 hours." error={error.value}>
        <input name="key" type="password" autoComplete="off" spellcheck={false} required autoFocus />
      </Field>
      <button class="primary" disabled={busy.value}>Sign in</button>
    </form>
  );
}

export function SignIn() {
  useEffect(() => {
    document.title = "Sign in · Tokenry";
  }, []);
  return (
    <main class="sign-in">
      <Icon name="keys" />
      <h1>Tokenry</h1>
      <p>Sign in to the console with an operator's key, such as the one that the first <code>tokenry serve</code> has shown.</p>
      <Form />
    </main>
  );
}

/** Asks for a fresh sign-in while a change waits for it. */
export function SignInAgain() {
  const answer = waiting.value;
  if (!answer) return null;
  return (
    <Dialog title="Sign in again" onEnd={() => waiting.value?.(false)}>
      <p>Your sign-in is older than 15 minutes. A change needs your key once more.</p>
      <Form onDone={() => answer(true)} />
    </Dialog>
  );
}
