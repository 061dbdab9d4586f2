// Keeps parts of a page as they are on the server: whatever has data-live and an id is
// taken from the page again when the server says that something has changed.
import { parse } from "./trust.js";

let busy = false;
let again = false;

const stale = (old) => old.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, button");

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Live": "1" } });
    if (answer.redirected || answer.status === 401) {
      location.reload(); // the session is over
      return;
    }
    if (!answer.ok) return;
    const page = parse(await answer.text());
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (!fresh || fresh.outerHTML === old.outerHTML || stale(old)) continue;
      const link = document.activeElement?.getAttribute?.("href");
      const focused = old.contains(document.activeElement) && link;
      const scrolled = [old.scrollLeft, old.scrollTop];
      old.replaceWith(document.adoptNode(fresh));
      [fresh.scrollLeft, fresh.scrollTop] = scrolled;
      if (focused) fresh.querySelector(`[href="${CSS.escape(link)}"]`)?.focus();
    }
  } catch {
    // the server is away: the feed comes again when it is back
  } finally {
    busy = false;
    if (again) {
      again = false;
      setTimeout(refresh, 500);
    }
  }
}

// A browser has six connections to a server: a page that nobody looks at gives its own up.
let feed;
function listen() {
  if (document.hidden || feed) return;
  feed = new EventSource("/desk/events");
  feed.addEventListener("changed", refresh);
  feed.addEventListener("open", () => {
    if (document.documentElement.dataset.feed) refresh(); // it was away, and may have missed something
    document.documentElement.dataset.feed = "open";
  });
}
function leave() {
  feed?.close();
  feed = undefined;
}
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
addEventListener("pagehide", leave);
addEventListener("pageshow", listen);
listen();
