package main

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"coldsign/offline/internal/journal"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/quote"
)

// row is one line of an exported journal: an entry, or one request that an entry
// decided. The columns of a CSV are its fields in this order; a program may rely on
// the names, and further ones come last.
type row struct {
	Number    uint64 `json:"number"`
	Time      string `json:"time"`
	Kind      string `json:"kind"`
	ID        string `json:"id,omitempty"`     // of the request
	Digest    string `json:"digest,omitempty"` // of the request
	Status    string `json:"status,omitempty"`
	Code      string `json:"code,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Policy    string `json:"policy,omitempty"` // that decided it, and its rule where one is named
	Approvers string `json:"approvers,omitempty"`
	Waived    string `json:"waived,omitempty"`
	Bundle    string `json:"bundle,omitempty"` // SHA-256 of the requests
	Out       uint64 `json:"out,omitempty"`    // number of the bundle that went to the online half
	Text      string `json:"text,omitempty"`
	Data      string `json:"data,omitempty"`
	Hash      string `json:"hash"` // of the entry: the head after it
}

// journalExport needs no passphrase: the journal holds no secret.
func (a *app) journalExport() error {
	var form func([]row) ([]byte, error)
	switch a.opt.Format {
	case "csv":
		form = asCSV
	case "json":
		form = asJSON
	case "raw":
	default:
		return cli.Usagef("--format is one of csv, json (an object a line), raw (for \"journal verify FILE\")")
	}
	if a.opt.Out == "" {
		a.opt.Out = "-"
	}
	if a.opt.json && a.opt.Out == "-" {
		return cli.Usagef("--json and --out - both want standard output")
	}
	if err := a.enter(); err != nil {
		return err
	}
	raw, err := journal.Copy(a.opt.home)
	if err != nil {
		return err
	}
	j, err := journal.Check(raw)
	if err != nil {
		return err
	}
	if form != nil {
		if raw, err = form(rows(j)); err != nil {
			return err
		}
	}
	if err := durable.WriteOutput(a.opt.Out, a.out, raw); err != nil || a.opt.Printed() {
		return err
	}
	return a.say(map[string]any{"out": a.opt.Out, "entries": j.Last().Number}, "wrote %d entries to %s\n", j.Last().Number, quote.Line(a.opt.Out))
}

// rows flattens a journal.
func rows(j *journal.Journal) (list []row) {
	policy := "strict"
	for i, e := range j.Entries() {
		hash := j.Last().Hash
		if i+1 < len(j.Entries()) {
			hash = j.Entries()[i+1].Previous
		}
		if kind, _, _ := strings.Cut(e.Text, " "); e.Kind == journal.Policy && kind != "book" && kind != "tokens" {
			policy = e.Text
		}
		r := row{Number: e.Number, Time: time.Unix(e.Time, 0).UTC().Format(time.RFC3339), Kind: e.Kind.String(), Text: e.Text,
			Data: hex.EncodeToString(e.Data), Hash: hex.EncodeToString(hash[:])}
		for k, p := range e.Approved {
			r.Approvers += strings.Repeat(", ", min(k, 1)) + p.Name + " " + p.Key
		}
		if e.Out != nil {
			r.Out = e.Out.Sequence
		}
		if e.Sign == nil {
			list = append(list, r)
			continue
		}
		r.Waived, r.Bundle = strings.Join(e.Sign.Waived.Words(), ", "), hex.EncodeToString(e.Sign.Bundle[:])
		for _, d := range e.Sign.Decisions {
			r.ID, r.Digest, r.Status, r.Code, r.Reason = d.ID.String(), hex.EncodeToString(d.Digest[:]), d.Status.String(), d.Code, d.Reason
			r.Policy = cmp.Or(d.By, policy)
			list = append(list, r)
		}
	}
	return list
}

// asJSON gives one object a line.
func asJSON(list []row) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, r := range list {
		if err := enc.Encode(r); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// asCSV gives a line of names and one for each row (RFC 4180, with plain newlines).
func asCSV(list []row) ([]byte, error) {
	var b bytes.Buffer
	t := reflect.TypeFor[row]()
	cells := make([]string, t.NumField())
	for i := range cells {
		cells[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	b.WriteString(strings.Join(cells, ",") + "\n")
	for _, r := range list {
		for i := range cells {
			cells[i] = cell(fmt.Sprint(reflect.ValueOf(r).Field(i)))
			if strings.ContainsAny(cells[i], `",`) {
				cells[i] = `"` + strings.ReplaceAll(cells[i], `"`, `""`) + `"`
			}
		}
		b.WriteString(strings.Join(cells, ",") + "\n")
	}
	return b.Bytes(), nil
}

// cell makes text safe in a spreadsheet: printable ASCII on one line, which no
// program takes for a formula, whatever it takes for a separator.
func cell(s string) string {
	if !quote.Plain(s) {
		s = strconv.QuoteToASCII(s)
	}
	s = strings.ReplaceAll(s, ";", ",")
	if t := strings.TrimLeft(s, " '\""); t != "" && strings.ContainsRune("=+-@", rune(t[0])) {
		return "'" + s
	}
	return s
}
