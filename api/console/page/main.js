import { services } from "/console/services.js";

const here = services.filter(({ origin }) => new URL(origin).hostname === location.hostname);
document.querySelector("#console").textContent = here.map(({ name }) => name).join(" ");
