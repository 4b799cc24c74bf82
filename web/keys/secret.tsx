// A secret, shown this once.

import { useEffect } from "preact/hooks";
import type { Issued } from "./api.js";
import { useText } from "./app.js";
import { Copy, Dialog } from "./parts.js";

export function Secret({ issued, onEnd }: { issued: Issued; onEnd: () => void }) {
  const t = useText();
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);
  return (
    <Dialog title={t("secret_title", { name: issued.key.name })} onEnd={onEnd} mayEnd={() => confirm(t("leave"))}>
      <p>{t("secret_once")}</p>
      <div class="secret">
        <input readOnly part="secret" value={issued.secret} aria-label={t("secret")} onFocus={(event) => event.currentTarget.select()} />
        <Copy text={issued.secret} />
      </div>
      <p><button type="button" class="primary" part="button primary" onClick={onEnd}>{t("saved")}</button></p>
    </Dialog>
  );
}
