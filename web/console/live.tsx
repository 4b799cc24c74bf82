// Live events of the tenant, as they are committed.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Event } from "../client/operations.js";
import { latestEvent, listEvents } from "./api.js";
import { actionInWords, Actor, Subject } from "./entries.js";
import { Empty, Problem, Time, Title } from "./parts.js";
import { filter, place } from "./place.js";

const KEPT = 200;
const BEFORE = 50;
const WAIT_SECONDS = 10;
const PAUSE_MILLISECONDS = 3000;
const KINDS: Readonly<Record<string, string>> = { "": "Every event", "key.*": "Keys", "owner.*": "Owners", "session.*": "Sessions", "webhook.*": "Webhooks", "auth.*": "Refusals", "tenant.*": "Tenants", "role.*": "Roles" };

export function Live() {
  const kind = place.value.query.get("types") ?? "";
  const events = useSignal<readonly Event[]>([]);
  const error = useSignal<unknown>(null);
  const isPaused = useSignal(false);

  useEffect(() => {
    if (isPaused.value) return undefined;
    let goesOn = true;
    const types = kind ? { types: [kind] } : {};
    const tail = async () => {
      let after = events.value[0]?.sequence ?? Math.max(0, (await latestEvent({})).sequence - BEFORE);
      while (goesOn) {
        const page = await listEvents({ after, limit: 100, wait: WAIT_SECONDS, ...types });
        if (!goesOn) return;
        error.value = null;
        events.value = [...page.items.reverse(), ...events.value].slice(0, KEPT);
        after = events.value[0]?.sequence ?? after;
      }
    };
    const again = () =>
      tail().catch((problem) => {
        if (!goesOn) return;
        error.value = problem;
        setTimeout(() => goesOn && again(), PAUSE_MILLISECONDS);
      });
    again();
    return () => {
      goesOn = false;
    };
  }, [kind, isPaused.value]);

  return (
    <>
      <Title text="Live" lead="Events as they are committed.">
        <span class={isPaused.value ? "pulse paused" : "pulse"} role="status">{isPaused.value ? "Paused" : "Listening"}</span>
        <button type="button" onClick={() => (isPaused.value = !isPaused.value)}>{isPaused.value ? "Go on" : "Pause"}</button>
      </Title>
      <div class="filters">
        <select aria-label="Kind of events" value={kind} onChange={(event) => { events.value = []; filter({ types: event.currentTarget.value }); }}>
          {Object.entries(KINDS).map(([pattern, name]) => <option key={pattern} value={pattern}>{name}</option>)}
        </select>
      </div>
      <Problem error={error.value} />
      {events.value.length === 0 ? (
        <div class="empty"><Empty title="Nothing yet"><p>The next event appears here by itself.</p></Empty></div>
      ) : (
        <ol class="entries" aria-label="Events">
          {events.value.map((one) => (
            <li key={one.id}>
              <details>
                <summary>
                  <span class="when"><Time at={one.at} /></span>
                  <b>{actionInWords(one.type)}</b>
                  <span class="about"><bdi>{one.subject}</bdi></span>
                  <span class="quiet">by <Actor of={one.actor} /></span>
                </summary>
                <p>About <Subject of={one.subject} type={one.type} /> <small>Sequence {one.sequence}</small></p>
                <pre class="data" tabIndex={0} aria-label="Data">{JSON.stringify(one.data, null, 2)}</pre>
              </details>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
