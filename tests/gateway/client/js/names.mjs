// Says what the module exports and which public members its client has.
import * as narthex from "../../../../gateway/client/js/narthex.js";
import { say } from "./started.mjs";

say({
  exports: Object.keys(narthex).sort(),
  members: Object.getOwnPropertyNames(narthex.Client.prototype),
});
