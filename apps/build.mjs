/**
 * Builds each view into one HTML file that loads nothing: nexla_mcp/views/<name>.html.
 *
 *     npm run build            types, then the files
 *     npm run check            builds in memory and says whether the files there are the same
 *
 * The page's policy names the hash of its script and of its style, so nothing else runs in it, whatever the
 * host allows. A stamp in the head is the hash of the sources; the Python tests compare it without Node.
 */

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "nexla_mcp", "views");
const VIEWS = { flow: "Nexla flow", confirm: "Nexla confirmation" };
const LIMIT = 400_000;
const STAMPED = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"];

/** The sources in a fixed order, as paths with forward slashes. */
function sources() {
  const inside = readdirSync(join(HERE, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(HERE, join(entry.parentPath, entry.name)).split(sep).join("/"));
  return [...STAMPED, ...inside].sort();
}

/** Hash of path and content of every source; line ends count as one kind. */
function stamp() {
  const hash = createHash("sha256");
  for (const path of sources()) {
    const content = readFileSync(join(HERE, path), "utf8").replaceAll("\r\n", "\n");
    hash.update(`${path}\0${content}\0`);
  }
  return hash.digest("hex");
}

function policyHash(text) {
  return `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;
}

const { version } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));

/** The packages that a module id of the bundle belongs to. */
function packageOf(id) {
  const part = id.split("\\").join("/").split("/node_modules/").at(-1);
  if (part === undefined || part.startsWith("/") || !id.includes("node_modules")) return null;
  return part.split("/").slice(0, part.startsWith("@") ? 2 : 1).join("/");
}

async function bundle(name) {
  const result = await build({
    configFile: false,
    root: HERE,
    logLevel: "warn",
    define: { __VERSION__: JSON.stringify(version) },
    build: {
      write: false,
      target: "es2022",
      // Newer for styles: light-dark() has to reach the browser as it is, since the host may set the theme.
      cssTarget: ["chrome123", "firefox120", "safari17.5"],
      cssCodeSplit: false,
      modulePreload: false,
      reportCompressedSize: false,
      rollupOptions: { input: join(HERE, "src", name, "main.ts"), output: { format: "iife" } },
    },
  });
  const { output } = Array.isArray(result) ? result[0] : result;
  const chunk = output.find((part) => part.type === "chunk");
  const style = output.find((part) => part.type === "asset" && part.fileName.endsWith(".css"));
  const used = new Set(Object.entries(chunk.modules).filter(([, module]) => module.renderedLength > 0).map(([id]) => packageOf(id)));
  used.delete(null);
  // dagre ships its graph library inside its own file.
  if (used.has("@dagrejs/dagre")) used.add("@dagrejs/graphlib");
  return { script: chunk.code.trim().replaceAll("</script", "<\\/script"), style: String(style.source).trim(), used };
}

function page(title, { script, style }, stamped) {
  const policy = [
    "default-src 'none'",
    `script-src ${policyHash(script)}`,
    `style-src ${policyHash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="nexla-sources" content="${stamped}">
<title>${title}</title>
<!-- Built from apps/; the licences of the libraries inside are in LICENSES.txt beside this file. -->
<style>${style}</style>
</head>
<body>
<script>${script}</script>
</body>
</html>
`;
}

/** The licence texts of what is bundled. */
function licences(used) {
  const parts = [...used].sort().map((name) => {
    const folder = join(HERE, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `Licence: ${about.license}` : readFileSync(join(folder, file), "utf8").trim();
    return `${name} ${about.version} (${about.license})\n\n${text}`;
  });
  return `Libraries inside the views, each with its licence.\n\n${parts.join(`\n\n${"-".repeat(78)}\n\n`)}\n`;
}

const stamped = stamp();
const files = new Map();
const used = new Set();
for (const [name, title] of Object.entries(VIEWS)) {
  const made = await bundle(name);
  made.used.forEach((library) => used.add(library));
  files.set(`${name}.html`, page(title, made, stamped));
}
files.set("LICENSES.txt", licences(used));

let bad = 0;
for (const [name, content] of files) {
  const path = join(TARGET, name);
  const size = Buffer.byteLength(content);
  const same = existsSync(path) && readFileSync(path, "utf8") === content;
  const check = process.argv.includes("--check");
  const problem = name.endsWith(".html") && size > LIMIT ? `is larger than ${LIMIT} bytes` : check && !same ? "differs from the sources: npm run build" : "";
  if (problem !== "") bad += 1;
  console.log(`${name.padEnd(14)} ${String(size).padStart(7)} bytes  ${problem || (same ? "unchanged" : "written")}`);
  if (!check) writeFileSync(path, content);
}
process.exitCode = bad > 0 ? 1 : 0;
