/**
 * Imported first by every view: tells the schema library not to try generated code.
 *
 * The SDK says the same, but only after its own schemas were made; by then the library has already tried
 * `new Function`, which the page's policy refuses and reports.
 */

import { config } from "zod/v4/core";

config({ jitless: true });
