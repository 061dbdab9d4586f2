// The pages "Send across" and "Take back": which one, the page says.
import { send } from "./send.js";
import { take } from "./take.js";

const box = document.getElementById("carry"), base = "/desk/carry";
if (box.dataset.page === "send") send(box, base, box.dataset.name);
else take(box, base, box.dataset.kind, { queue: "/desk/", detail: "/desk/tx/", ours: "/desk/send/pairing", keys: "/desk/take/keys", steps: "/desk/start" });
