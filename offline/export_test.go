package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"coldsign/offline/internal/journal"
)

// Whatever stands in a journal, a spreadsheet is given a line of text: no formula,
// no line of its own, nothing that moves a cursor. Programs are given it as it is.
func TestExportIsSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"above the daily limit":  "above the daily limit",
		"1-2=3":                  "1-2=3",
		"=1+2":                   "'=1+2",
		"=cmd|' /C calc'!A0":     "'=cmd|' /C calc'!A0",
		"+1":                     "'+1",
		"-1":                     "'-1",
		"@SUM(A1)":               "'@SUM(A1)",
		"  =1":                   "'  =1",
		"'=1":                    "''=1",
		`"=1`:                    `'"=1`,
		"\t=1":                   `"\t=1"`,
		"a\r\n=1":                `"a\r\n=1"`,
		"a;=1;b":                 "a,=1,b",
		"\u202egpj.exe\x1b[2J":   `"\u202egpj.exe\x1b[2J"`,
		"\xff":                   `"\xff"`,
		"two \"quotes\", commas": "two \"quotes\", commas",
	} {
		if got := cell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		r := row{Number: 7, Kind: "decided", Reason: in, Policy: in, Text: in, Out: 3}
		raw, err := asCSV([]row{r, {Number: 8}})
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), "\n"); n != 3 || strings.ContainsAny(string(raw), "\r\t\x1b;") {
			t.Errorf("%q: %d lines: %q", in, n, raw)
		}
		list, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		if err != nil || len(list) != 3 || len(list[0]) != reflect.TypeFor[row]().NumField() {
			t.Fatalf("%q: %v", in, err)
		}
		got := map[string]string{}
		for i, name := range list[0] {
			got[name] = list[1][i]
		}
		if got["number"] != "7" || got["kind"] != "decided" || got["reason"] != want || got["text"] != want || got["out"] != "3" {
			t.Errorf("%q: %v", in, got)
		}
		lines, err := asJSON([]row{r, {Number: 8}})
		if err != nil {
			t.Fatal(err)
		}
		var back row
		first, _, _ := strings.Cut(string(lines), "\n")
		if err := json.Unmarshal([]byte(first), &back); err != nil || strings.Count(string(lines), "\n") != 2 || in != "\xff" && back != r {
			t.Errorf("%q: %s %v", in, first, err)
		}
	}
}

// What a terminal showed is an entry, whatever the person says then.
func TestShownOnTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		typed, code string
		kinds       []journal.Kind
	}{
		"yes":     {"", "", []journal.Kind{journal.Seen, journal.Decided}},
		"refused": {"refuse", "sign.refused", []journal.Kind{journal.Seen, journal.Decided}},
		"stopped": {"no", "approve.stopped", []journal.Kind{journal.Seen}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, words := prepared(t)
			before, err := journal.Open(filepath.Join(dir, "home"), nil)
			if err != nil {
				t.Fatal(err)
			}
			x := at(t, dir, "sign", "r1.cbor", "--out", "a1.cbor")
			x.reads("passphrase: ")
			x.types(password + "\n")
			x.reads(question)
			x.types(cmp.Or(c.typed, words) + "\n")
			x.ends(min(len(c.code), 1), c.code)
			after, err := journal.Open(filepath.Join(dir, "home"), nil)
			if err != nil || after.Holds(before.Last()) != nil {
				t.Fatal(err)
			}
			var kinds []journal.Kind
			for _, e := range after.Entries()[before.Last().Number:] {
				kinds = append(kinds, e.Kind)
			}
			if !slices.Equal(kinds, c.kinds) {
				t.Errorf("entries %v, want %v", kinds, c.kinds)
			}
		})
	}
}
