// The console: operators look at keys here, and change them.

import { render } from "preact";
import { lookUpSession, session } from "./api.js";
import { Side } from "./frame.js";
import { Keyboard } from "./keyboard.js";
import { Empty, Missing, Title, Toasts } from "./parts.js";
import { place } from "./place.js";
import { found, opens } from "./routes.js";
import { SignIn, SignInAgain } from "./sign_in.js";

function Screen() {
  const here = found(place.value.path === "/keys" ? "/" : place.value.path);
  if (!here) return <Missing />;
  const [route, id] = here;
  if (opens(route)) return <>{route.show(id)}</>;
  return (
    <>
      <Title text={route.name} />
      <div class="empty"><Empty title="Your key may not see this"><p>It needs the scope <code>tokenry:{route.needs}</code>{route.isOfWhole && ", and a key of the installation"}.</p></Empty></div>
    </>
  );
}

function App() {
  if (session.value === undefined) return null;
  if (session.value === null) return <SignIn />;
  return (
    <div class="frame">
      <a class="skip" href="#main">To the content</a>
      <Side />
      <main id="main" key={place.value.query.get("tenant") ?? ""}><Screen /></main>
      <SignInAgain />
      <Keyboard />
      <Toasts />
    </div>
  );
}

lookUpSession().then(() => render(<App />, document.body));
