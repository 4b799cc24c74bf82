// The element in React: a property, an attribute, and an event of its own.
import { createElement, useState } from "react";
import { createRoot } from "react-dom/client";

function Keys() {
  const [told, setTold] = useState("");
  const texts = { en: { title: "Keys in React" } };
  return createElement(
    "main",
    null,
    createElement("tokenry-keys", { src: "/keys", lang: "en", texts, "ontokenry-made": (event) => setTold(event.detail.name) }),
    createElement("output", null, told),
  );
}

createRoot(document.body).render(createElement(Keys));
