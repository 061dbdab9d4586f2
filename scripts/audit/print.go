package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"coldsign/scripts/audit/elfaudit"
	"coldsign/shared/quote"
)

// document prints everything as JSON.
func document(w io.Writer, results []result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(results)
}

// text prints the inventory and the findings for a terminal.
func text(w io.Writer, results []result) error {
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", safe(r.File), verdict(r))
		if len(r.Calls) > 0 {
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "number\tname\tsites\tfunctions")
			for _, c := range r.Calls {
				fmt.Fprintf(t, "%d\t%s\t%d\t%s\n", c.Number, c.Name, c.Sites, functions(c))
			}
			if err := t.Flush(); err != nil {
				return err
			}
		}
		for _, f := range r.Findings {
			fmt.Fprintf(w, "finding: %s\n", safe(f.String()))
		}
	}
	return nil
}

// tables prints the inventory for release notes.
func tables(w io.Writer, results []result) error {
	for _, r := range results {
		name := strings.ReplaceAll(safe(filepath.Base(r.File)), "`", "'")
		fmt.Fprintf(w, "### `%s`: %s\n\nSHA-256 `%s`\n\n", name, verdict(r), r.SHA256)
		if len(r.Calls) > 0 {
			fmt.Fprintln(w, "| number | system call | sites | functions |\n|---|---|---|---|")
		}
		for _, c := range r.Calls {
			fmt.Fprintf(w, "| %d | %s | %d | %s |\n", c.Number, c.Name, c.Sites, "`"+strings.ReplaceAll(functions(c), ", ", "`, `")+"`")
		}
		for _, f := range r.Findings {
			fmt.Fprintf(w, "\n**Finding:** `%s`\n", strings.ReplaceAll(safe(f.String()), "`", "'"))
		}
		fmt.Fprintln(w)
	}
	return nil
}

func functions(c elfaudit.Call) string {
	return safe(strings.Join(c.Functions, ", "))
}

// verdict sums a result up in one line.
func verdict(r result) string {
	if r.err != nil {
		return "not audited, " + count(len(r.Findings), "finding")
	}
	sites := 0
	for _, c := range r.Calls {
		sites += c.Sites
	}
	return fmt.Sprintf("linux/%s, %s, %s at %s, %s", r.Arch, count(r.Functions, "function"), count(len(r.Calls), "system call"),
		count(sites, "site"), count(len(r.Findings), "finding"))
}

func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// safe gives text of a file's own as it is where it is plain, else quoted.
func safe(s string) string {
	if quote.Plain(s) {
		return s
	}
	return quote.String(s)
}
