// Where the owner is signed in, and signing out there.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Session } from "./api.js";
import { usePage, useText } from "./app.js";
import { Problem } from "./parts.js";

export function Sessions() {
  const page = usePage();
  const t = useText();
  const { words } = page;
  const sessions = useSignal<Session[]>([]);
  const error = useSignal<unknown>(null);
  const act = async (does: () => Promise<void>) => {
    try {
      await does();
      error.value = null;
    } catch (problem) {
      error.value = problem;
    }
  };
  useEffect(() => {
    act(async () => {
      sessions.value = (await page.api.sessions()).items.filter((one) => one.status === "active");
    });
  }, []);
  const end = (id: string) =>
    act(async () => {
      await page.api.endSession(id);
      sessions.value = sessions.value.filter((one) => one.id !== id);
      page.said.value = t("ended");
      page.tell("session-ended", { id });
    });
  if (sessions.value.length === 0 && !error.value) return null;
  return (
    <section part="sessions">
      <h2>{t("sessions")}</h2>
      <Problem error={error.value} />
      <ul>
        {sessions.value.map((one) => (
          <li key={one.id}>
            <div>
              <b><bdi>{named(one.device) || t("session_unknown")}</bdi></b> {one.current && <span class="status good">{t("session_here")}</span>}
              <p class="quiet">{t("session_since", { moment: words.day(one.created_at), seen: words.ago(one.refreshed_at) })}</p>
            </div>
            <button type="button" part="button" onClick={() => end(one.id)}>{t("end_session")}</button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Return the details of a device that the host has stored, as one line. */
function named(device: Record<string, unknown>): string {
  const name = device["name"];
  if (typeof name === "string") return name;
  return Object.values(device).filter((value) => typeof value === "string").join(", ");
}
