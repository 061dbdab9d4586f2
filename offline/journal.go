package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/selftest"
	"coldsign/shared/bundle"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

func (a *app) openJournal() (*journal.Journal, error) { return journal.Open(a.opt.home, nil) }

type entryJSON struct {
	Number uint64       `json:"number"`
	Time   string       `json:"time"`
	Kind   string       `json:"kind"`
	Text   string       `json:"text,omitempty"`
	Data   string       `json:"data,omitempty"`
	Bundle string       `json:"bundle,omitempty"`
	Out    uint64       `json:"out,omitempty"`
	Items  []itemResult `json:"items,omitempty"`
	Waived []string     `json:"waived,omitempty"` // what was overlooked when it was decided

	Approved []string `json:"approved,omitempty"` // the operators who approved it
}

// journalShow needs no passphrase: the journal holds no secret.
func (a *app) journalShow() error {
	if err := a.enter(); err != nil {
		return err
	}
	j, err := a.openJournal()
	if err != nil {
		return err
	}
	entries := make([]entryJSON, len(j.Entries()))
	for i, e := range j.Entries() {
		x := entryJSON{Number: e.Number, Time: time.Unix(e.Time, 0).UTC().Format(time.RFC3339), Kind: e.Kind.String(), Text: e.Text, Data: hex.EncodeToString(e.Data)}
		for _, p := range e.Approved {
			x.Approved = append(x.Approved, p.Name+" "+p.Key)
		}
		if e.Out != nil {
			x.Out = e.Out.Sequence
		}
		if e.Sign != nil {
			x.Bundle, x.Waived = hex.EncodeToString(e.Sign.Bundle[:]), e.Sign.Waived.Words()
			for _, d := range e.Sign.Decisions {
				x.Items = append(x.Items, itemResult{d.ID.String(), d.Status.String(), d.Code, d.Reason, d.By})
			}
		}
		entries[i] = x
	}
	return a.print(entries, func(w io.Writer) error {
		for _, x := range entries {
			line := fmt.Sprintf("%6d  %s  %-8s %s", x.Number, x.Time, x.Kind, quote.Line(strings.TrimSpace(x.Text+" "+x.Bundle+x.Data)))
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
			for _, p := range x.Approved {
				fmt.Fprintf(w, "        approved by %s\n", quote.Line(p))
			}
			if len(x.Waived) > 0 {
				fmt.Fprintf(w, "        WARNING: %s\n", strings.Join(x.Waived, " and "))
			}
			for _, it := range x.Items {
				fmt.Fprintf(w, "        %s  %s %s\n", it.ID, it.Status, quote.Line(strings.TrimSpace(it.Code+" "+it.Reason)))
				if strings.Contains(it.Policy, " ") { // a policy with its version
					fmt.Fprintf(w, "        by %s\n", quote.Line(it.Policy))
				}
			}
		}
		return nil
	})
}

// journalNamed opens the copy that the command line names, or the home's journal.
func (a *app) journalNamed() (*journal.Journal, error) {
	if a.operand() == "" {
		return a.openJournal()
	}
	raw, err := durable.ReadInput(a.operand(), a.con.In, journal.MaxCopy)
	if err != nil {
		return nil, err
	}
	return journal.Check(raw)
}

func (a *app) journalVerify() error {
	if err := a.enter(); err != nil {
		return err
	}
	j, err := a.journalNamed()
	if err != nil {
		return err
	}
	if a.opt.head != "" {
		hash, err := hex.DecodeString(a.opt.head)
		if err != nil || len(hash) != 32 {
			return cli.Usagef("--head takes 64 hex digits: a head that \"journal verify\" printed")
		}
		if !j.Knows([32]byte(hash)) {
			return fault.New("journal.rollback", "stop; this is an older copy, or another journal", "no entry of the journal is the head %s", a.opt.head)
		}
	}
	n, head := j.Head()
	dev := bundle.IDOf(j.Device())
	return a.say(map[string]any{"entries": n, "head": hex.EncodeToString(head[:]), "device": dev.String()},
		"ok: %d entries, head %x, device %s\n", n, head, dev)
}

func (a *app) selftest() error {
	if err := a.enter(); err != nil {
		return err
	}
	checks := selftest.All(a.chain)
	var names []string
	for _, c := range checks {
		if err := c.Do(); err != nil {
			return err
		}
		names = append(names, c.Name)
	}
	return a.say(map[string]any{"ok": true, "checks": names}, "ok: %s\n", strings.Join(names, ", "))
}
