package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/crossing"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

func (a *app) pair() error {
	sends, err := a.opt.Direction(a.opt.json, a.opt.in)
	switch {
	case err != nil:
		return err
	case sends:
		return a.with((*home).pairOut)
	}
	return a.with((*home).pairIn)
}

func (h *home) pairOut() error {
	raw, err := courier.PairOut(h.device)
	if err != nil {
		return err
	}
	if err := h.send(raw); err != nil || h.opt.Printed() {
		return err
	}
	id := bundle.IDOf(h.device.Public())
	return h.say(map[string]any{"out": h.opt.Where(), "device": id.String()}, "device %s: now read the file on the offline half\n", id)
}

func (h *home) pairIn() error {
	m, err := h.receive(h.opt.in, frame.IsBundle)
	if err != nil {
		return err
	}
	raw, err := m.Bundle()
	if err != nil {
		return err
	}
	list, confirm, err := courier.PairIn(h.ctx, h.store, h.device, raw, h.opt.replace)
	if err != nil {
		return err
	}
	words := strings.Join(list, " ")
	if err := h.confirmWords(words); err != nil {
		return err
	}
	if err := confirm(h.ctx); err != nil {
		return err
	}
	return h.say(map[string]any{"words": words, "paired": true}, "paired\nwords  %s\n", words)
}

func (h *home) confirmWords(words string) error {
	if h.opt.confirm != "" {
		if !strings.EqualFold(strings.Join(strings.Fields(h.opt.confirm), " "), words) {
			return fault.New("pair.words", "stop: the file may have been swapped on the way", "these are not the words: here they are %q", words)
		}
		return nil
	}
	if h.in == nil || !term.IsTerminal(int(h.in.Fd())) {
		if err := h.say(map[string]any{"words": words, "paired": false}, "words  %s\n", words); err != nil {
			return err
		}
		return fault.New("pair.unconfirmed", "compare the six words with the other screen, then run again with --confirm \"the words\"", "not paired yet")
	}
	fmt.Fprintf(h.err, "\n    %s\n\nare these the words on the offline half's screen? type yes: ", words)
	var typed string
	if _, err := fmt.Fscanln(h.in, &typed); err != nil || !strings.EqualFold(typed, "yes") {
		return fault.New("pair.words", "nothing was changed", "the words were not confirmed")
	}
	return nil
}

func (a *app) keysImport() error {
	return a.with(func(h *home) error {
		m, err := h.receive(h.operand(), crossing.IsKeys)
		if err != nil {
			return err
		}
		k, err := h.crossing().TakeKeys(h.ctx, m, crossing.Of{Chain: h.opt.chain, Testnet: h.opt.testnet})
		if err != nil {
			return err
		}
		return h.keysTaken(k)
	})
}

func repeated(yes bool) string {
	if yes {
		return "REPEAT: nothing changed: "
	}
	return ""
}

func (a *app) export() error {
	if err := a.opt.MustSend(a.opt.json); err != nil {
		return err
	}
	if a.opt.limit == 0 || a.opt.limit < -1 || a.opt.bundle == 0 || a.opt.bundle < -1 || a.opt.expires < 0 || a.opt.expires > 31*24*time.Hour {
		return cli.Usagef("--limit and --bundle take numbers from 1, --expires a time like 72h, at most 744h")
	}
	sel := store.Selection{Chain: strings.ToUpper(a.opt.chain), Limit: max(a.opt.limit, 0)}
	for _, text := range a.opt.ids {
		id, err := bundle.ParseID(text)
		if err != nil {
			return err
		}
		sel.IDs = append(sel.IDs, id)
	}
	if _, ok := a.chain.ByName(sel.Chain); sel.Chain != "" && !ok {
		return fault.New("chain.unknown", "see \"coldsign-online version\" for the chains", "chain %q is unknown", a.opt.chain)
	}
	return a.with(func(h *home) error {
		if foreign, err := h.crossing().Foreign(h.ctx, sel.IDs); err != nil || foreign {
			if err == nil {
				err = h.exportForeign(sel.IDs)
			}
			return err
		}
		x, err := h.exported(sel)
		if err != nil {
			return err
		}
		if err := h.unapproved(); err != nil {
			return err
		}
		if err := h.send(x.Raw); err != nil || h.opt.Printed() {
			return err
		}
		b, err := bundle.Open(x.Raw, h.device.Public())
		if err != nil {
			return err
		}
		digest := b.Digest()
		late, lines := []string{}, ""
		for _, id := range x.Late {
			late = append(late, id.String())
			lines += id.String() + "  too late: " + requoteCommand(id) + "\n"
		}
		return h.say(map[string]any{
			"out": h.opt.Where(), "sequence": x.Sequence, "items": b.Len(), "repeat": x.Repeat, "digest": hex.EncodeToString(digest[:]), "late": late,
		}, "%s%sbundle %d with %d requests\ndigest %x\n", lines, again(x.Repeat), x.Sequence, b.Len(), digest)
	})
}

func again(yes bool) string {
	if yes {
		return "written again, byte for byte: "
	}
	return ""
}

// exported makes the next bundle, or gives an earlier one again.
func (h *home) exported(sel store.Selection) (courier.Exported, error) {
	if n := uint64(h.opt.bundle); h.opt.bundle > 0 {
		raw, err := h.store.Bundle(h.ctx, n)
		return courier.Exported{Raw: raw, Sequence: n, Repeat: true}, err
	}
	var expires time.Time
	if h.opt.expires > 0 {
		expires = h.now().Add(h.opt.expires)
	}
	return courier.Export(h.ctx, h.store, h.device, sel, expires)
}

type outcomeJSON struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	TxID   string `json:"txId,omitempty"`
	Policy string `json:"policy,omitempty"`  // of the offline half, and the rules that decided
	Cure   string `json:"requote,omitempty"` // the command that quotes the payment anew, of an answer that came too late
}

func (a *app) importAnswers() error {
	return a.with(func(h *home) error {
		m, err := h.receive(h.operand(), crossing.IsAnswer)
		if err != nil {
			return err
		}
		r, err := h.crossing().TakeAnswers(h.ctx, m)
		if err != nil {
			return err
		}
		return h.imported(r)
	})
}

// imported says what became of each item.
func (h *home) imported(r courier.Report) error {
	items := make([]outcomeJSON, len(r.Items))
	count := map[string]int{}
	for i, o := range r.Items {
		items[i] = outcomeJSON{ID: o.ID.String(), Status: o.Status, Code: o.Code, Reason: o.Reason, TxID: o.TxID}
		if i < len(r.Policies) {
			items[i].Policy = r.Policies[i]
		}
		if store.Stale(o.Code) {
			items[i].Cure = requoteCommand(o.ID)
		}
		count[o.Status]++
	}
	waived := append([]string{}, r.Waived.Words()...)
	return h.print(map[string]any{
		"sequence": r.Sequence, "repeat": r.Repeat, "items": items, "waived": waived,
		"signed": count["signed"], "refused": count["refused"], "deferred": count["deferred"], "quarantined": count["quarantined"],
	}, func(w io.Writer) error {
		if len(waived) > 0 {
			fmt.Fprintf(w, "WARNING: when the offline half signed, %s\n", strings.Join(waived, " and "))
		}
		for _, o := range items {
			if _, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-11s %s  %s%s %s", o.Status, o.ID, o.TxID, o.Code, o.Reason), " ")); err != nil {
				return err
			}
			if o.Cure != "" {
				if _, err := fmt.Fprintf(w, "            quote it anew: %s\n", o.Cure); err != nil {
					return err
				}
			}
		}
		_, err := fmt.Fprintf(w, "%ssigned %d, refused %d, deferred %d, quarantined %d\n", repeated(r.Repeat),
			count["signed"], count["refused"], count["deferred"], count["quarantined"])
		return err
	})
}

type rowJSON struct {
	ID            string `json:"id"`
	Chain         string `json:"chain"`
	Network       string `json:"network"`
	Signer        string `json:"signer,omitempty"`
	State         string `json:"state"`
	Cancel        bool   `json:"cancelRequested,omitempty"`
	TxID          string `json:"txId,omitempty"`
	Confirmations uint64 `json:"confirmations"`
	Bundle        uint64 `json:"bundle,omitempty"`
	Code          string `json:"code,omitempty"`
	Reason        string `json:"reason,omitempty"`
	Deadline      string `json:"deadline,omitempty"`   // from which on nothing of it is sent
	Replaces      string `json:"replaces,omitempty"`   // the first of those that it conflicts with on chain
	Cancels       bool   `json:"cancels,omitempty"`    // it pays nobody
	Requotes      string `json:"requotes,omitempty"`   // the one whose payment it makes anew
	RequotedBy    string `json:"requotedBy,omitempty"` // the one that makes its payment anew
	Created       string `json:"created"`
}

func (a *app) pending() error {
	state := pending.State(a.opt.state)
	if _, ok := a.chain.ByName(strings.ToUpper(a.opt.chain)); a.opt.chain != "" && !ok {
		return fault.New("chain.unknown", "see \"coldsign-online version\" for the chains", "chain %q is unknown", a.opt.chain)
	}
	if state != "" && !known(state) {
		return cli.Usagef("--state is one of pending, exported, signed, broadcasting, broadcast, complete, cancelled, refused, expired, failed")
	}
	return a.look(func(h *home) error {
		limit := h.opt.limit
		if limit < 1 {
			limit = 10_000
		}
		rows, err := h.store.List(h.ctx, store.Filter{Tenant: "*", Chain: strings.ToUpper(h.opt.chain), State: state, Limit: limit})
		if err != nil {
			return err
		}
		list, err := h.rows(rows)
		if err != nil {
			return err
		}
		return h.print(list, func(w io.Writer) error {
			for _, r := range list {
				line := fmt.Sprintf("%s  %-4s %-13s %3d  %s %s %s", r.ID, r.Chain, r.State, r.Confirmations, r.TxID, r.Code, r.Reason)
				if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")+r.more()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// rows are the rows as the command line shows them.
func (h *home) rows(rows []pending.Transaction) ([]rowJSON, error) {
	ids := make([]bundle.ID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	links, err := h.store.Links(h.ctx, ids)
	if err != nil {
		return nil, err
	}
	anew, err := h.store.Successions(h.ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]rowJSON, len(rows))
	for i, r := range rows {
		list[i] = rowJSON{
			ID: r.ID.String(), Chain: r.Chain, Network: string(r.Network), Signer: r.Signer, State: string(r.State), Cancel: r.CancelRequested,
			TxID: r.TxID, Confirmations: r.Confirmations, Bundle: r.Bundle, Code: r.Code, Reason: r.Reason, Created: r.Created.UTC().Format(time.RFC3339),
		}
		if l, ok := links[r.ID]; ok {
			list[i].Replaces, list[i].Cancels = l.Root.String(), l.Cancels
		}
		if x := anew[r.ID]; x.Of != (bundle.ID{}) {
			list[i].Requotes = x.Of.String()
		}
		if x := anew[r.ID]; x.By != (bundle.ID{}) {
			list[i].RequotedBy = x.By.String()
		}
		if r.Deadline != 0 {
			list[i].Deadline = time.Unix(r.Deadline, 0).UTC().Format(time.RFC3339)
		}
	}
	return list, nil
}

// more says what a row has beside what each has.
func (r rowJSON) more() (text string) {
	open := r.State == string(pending.Pending) || r.State == string(pending.Exported) || r.State == string(pending.Signed)
	if r.Deadline != "" && open {
		text += "  until " + r.Deadline
	}
	switch {
	case r.RequotedBy != "":
		text += "  quoted anew by " + r.RequotedBy
	case r.Code == pending.Passed:
		text += "  too late: coldsign-online requote " + r.ID
	case r.Cancel:
		text += "  to be cancelled: coldsign-online cancel " + r.ID
	}
	if r.Requotes != "" {
		text += "  quotes " + r.Requotes + " anew"
	}
	if r.Cancels {
		text += "  cancels " + r.Replaces
	} else if r.Replaces != "" {
		text += "  replaces " + r.Replaces
	}
	return text
}

func known(s pending.State) bool {
	for _, k := range pending.States() {
		if k == s {
			return true
		}
	}
	return false
}
