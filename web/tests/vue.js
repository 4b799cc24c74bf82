// The element in Vue: a property, an attribute, and an event of its own.
import { createApp, h, ref } from "vue";

const told = ref("");
const texts = { en: { title: "Keys in Vue" } };
const keys = () => h("tokenry-keys", { src: "/keys", lang: "en", texts, onTokenryMade: (event) => (told.value = event.detail.name) });

createApp({ render: () => h("main", null, [keys(), h("output", null, told.value)]) }).mount(document.body);
