// What the scripts share: the browser, what it complains of, and screenshots.
//
//   node SCRIPT CHROMIUM PORT_BASE FOLDER
//
// JANGBU_NODE_MODULES is where playwright-core and axe-core are.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [chromium_path, port_base, folder] = process.argv.slice(2);
const require = createRequire(process.env.JANGBU_NODE_MODULES + "/");
const { chromium } = require("playwright-core");
const axe_source = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

const services = ["operations", "account", "product", "purchase", "delivery"];
export const origin = (service, base = port_base) => `http://127.0.0.1:${Number(base) + services.indexOf(service)}`;

export async function launch() {
  await mkdir(folder, { recursive: true });
  return chromium.launch({
    executablePath: chromium_path,
    headless: true,
    args: [
      "--no-sandbox", // it runs as root in a container, on pages of our own
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

// A list that grows with what the browser complains of, and with requests to somewhere else.
export function watch(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    // Chromium notes every answer of 400 and above, and every connection that fails; whether it was
    // expected the scripts tell.
    const of_an_answer = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !of_an_answer)
      complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1")
      complaints.push(`a request to ${request.url()}`);
  });
  return complaints;
}

// What keeps people from using the page as it is now: contrast, names, roles, order (WCAG 2.1 A and
// AA, and good practice), as axe-core sees it. A line each.
export async function barriers(page) {
  await page.evaluate(axe_source);
  return page.evaluate(async () => {
    const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
    const { violations } = await axe.run(document, { runOnly });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(" ")}`));
  });
}

// Of a page or a part of it. Hiding the caret would take a style of playwright's own, which the
// pages' policy refuses.
export async function picture(of, name, options = {}) {
  await of.screenshot({ path: `${folder}/${name}.png`, caret: "initial", ...options });
}
