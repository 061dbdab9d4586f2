// What became of a message that came in.
import { call, el, say, sentence } from "./dom.js";
import { words } from "./words.js";

// passing are refusals that say nothing of the message: it can be taken in again.
const passing = ["gone", "internal", "carry.busy", "desk.session"];

export async function result(taker, body = {}, scan = taker.scan) {
  const { box, base, kind, links, whole } = taker;
  let done;
  try {
    done = await call(base, `/in/${scan}/${kind === "pairing" ? "pair" : "take"}`, { body });
  } catch (e) {
    const again = (id, text, more) => taker.alarm.append(el("p", {}, el("button", { type: "button", id, onclick: () => result(taker, { ...body, ...more }, scan) }, text)));
    if (passing.includes(e.code)) taker.head.textContent = words.whole;
    else taker.anew();
    say(taker.alarm, e);
    if (e.code === "pair.exists") again("replace", words.replace, { replace: true });
    else if (passing.includes(e.code)) again("retry", words.retry);
    return;
  }
  taker.over = true;
  taker.camera.stop();
  const page = { answers, keys, pairing }[done.kind];
  box.replaceChildren(page({ done, base, scan, links, whole, replace: body.replace || false }));
}

// answers counts, lists, and follows the payments.
function answers({ done, base, scan, links, whole }) {
  const shown = done.items.slice(0, 200), rows = new Map();
  const count = (name) => done[name] ? el("p", { className: `count ${name}` }, el("strong", {}, String(done[name])), " ", words[name]) : null;
  const table = el("table", { className: "rows" }, el("thead", {}, el("tr", {}, ...words.columns.map((c) => el("th", { scope: "col" }, c)))), el("tbody", {},
    ...shown.map((o) => {
      const state = el("td"), deep = el("td");
      rows.set(o.id, { state, deep });
      const name = links.detail ? el("a", { href: links.detail + o.id }, o.id) : o.id;
      return el("tr", { id: `row-${o.id}` }, el("th", { scope: "row" }, el("code", {}, name)),
        el("td", {}, words[o.status] || o.status, o.reason ? el("p", {}, sentence(o.reason)) : null, o.code ? el("code", {}, o.code) : null,
          o.requote && links.detail ? el("p", {}, el("a", { className: "button", href: `${links.detail}${o.id}/requote` }, words.requote)) : null), state, deep);
    })));
  const live = el("p", { className: "dim", role: "status", id: "live" }, words.following);
  follow(`${base}/in/${scan}/events`, rows, live);
  return el("div", { className: "result", id: "result" },
    done.repeat ? el("p", { className: "big" }, words.repeated) : null,
    el("div", { className: "counts" }, count("signed"), count("refused"), count("deferred"), count("quarantined")),
    done.waived?.length ? el("p", { className: "alarm", role: "alert" }, `${words.waived} ${done.waived.join(", ")}.`) : null,
    el("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": words.columns[0] }, table),
    done.items.length > shown.length ? el("p", {}, words.more(done.items.length - shown.length)) : null, live, shownAs(whole), home(links));
}

// shownAs has the words that the other screen shows beside the codes.
function shownAs(whole) {
  return whole ? el("p", { className: "dim" }, words.shownAs, " ", el("span", { id: "answer-words" }, whole.words)) : null;
}

function home(links) {
  return links.queue ? el("p", {}, el("a", { className: "button main", href: links.queue }, words.queue)) : null;
}

// follow fills in what the network says, as the server tells it.
function follow(address, rows, live) {
  const source = new EventSource(address);
  source.addEventListener("rows", (e) => {
    for (const r of JSON.parse(e.data) || []) {
      const row = rows.get(r.id);
      if (!row) continue;
      row.state.replaceChildren(el("span", { className: `state s-${r.state}` }, words.states[r.state] || r.state), r.code ? el("p", { className: "dim" }, sentence(r.reason || r.code)) : "");
      row.deep.textContent = r.confirmations ? words.of(r.confirmations, r.depth) : "";
    }
  });
  source.addEventListener("over", () => {
    source.close();
    live.textContent = words.over;
  });
}

function keys({ done, links, whole }) {
  return el("div", { className: "result", id: "result" }, el("p", { className: "huge" }, words.wallets(done.wallets)),
    done.repeat ? el("p", {}, words.repeated) : null,
    done.foreign ? el("p", { className: "big" }, words.compare) : null,
    done.foreign ? el("ul", {}, ...done.foreign.map((w) => el("li", {}, `${w.chain} ${w.path} `, el("code", {}, w.address)))) : null, shownAs(whole), home(links));
}

// pairing asks a person to compare the words, which no program can.
function pairing({ done, base, scan, links, replace }) {
  const alarm = el("div", { className: "alarm", role: "alert", hidden: true });
  const box = el("div", { className: "result", id: "result" });
  const answer = async (body) => {
    try {
      await call(base, `/in/${scan}/pair`, { body: { ...body, replace } });
      box.replaceChildren(el("p", { className: "huge", role: "status" }, words.paired), el("p", { className: "words" }, done.words), next(links));
    } catch (e) {
      say(alarm, e);
    }
  };
  box.append(replace ? el("div", { className: "alarm", id: "replacing" }, el("p", { className: "big" }, words.replaceMeans), el("ul", {}, ...words.replaceList.map((w) => el("li", {}, w)))) : "",
    el("p", { className: "big" }, words.sameWords), el("p", { className: "words", id: "pair-words" }, done.words),
    el("p", {}, words.pairFirst, " ", el("a", { href: links.ours }, words.pairOurs)),
    el("div", { className: "buttons" }, el("button", { type: "button", className: "main", id: "yes", onclick: () => answer({ confirm: done.words }) }, words.yes),
      el("button", { type: "button", id: "no", onclick: () => say(alarm, { message: words.notSame }) }, words.no)), alarm);
  return box;
}

// next leads on from a pairing: to the public keys, or to the list of all steps.
function next(links) {
  return el("p", { className: "buttons" }, el("a", { className: "button main", href: links.keys }, words.toKeys), el("a", { className: "button", href: links.steps }, words.toSteps));
}
