// Checks AsyncAPI documents with AsyncAPI's own parser and rule set, the ones that its command-line client uses. Prints
// what it finds, and fails if that is anything but information: also at warnings.
//
// lint.js FOLDER DOCUMENT...   (FOLDER holds the packages, see scripts/npm-install)
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, ...documents] = process.argv.slice(2);
const { Parser } = createRequire(join(folder, "package.json"))("@asyncapi/parser");
const severities = ["error", "warning", "information", "hint"];
let failed = documents.length === 0;

for (const path of documents) {
  const { document, diagnostics } = await new Parser().parse(await readFile(path, "utf8"), { source: path });
  for (const { severity, code, message, path: where } of diagnostics) {
    console.log(`${path}: ${severities[severity]} ${code}: ${message} (${where.join(".")})`);
    failed ||= severity < 2;
  }
  if (!document) {
    failed = true;
  } else {
    console.log(`${path}: AsyncAPI ${document.version()}, ${document.channels().length} channels, ` +
      `${document.operations().length} operations, ${document.messages().length} messages`);
  }
}
process.exit(failed ? 1 : 0);
