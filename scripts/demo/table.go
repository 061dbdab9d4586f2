package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// table prints the payments. Where the terminal is too narrow, recipients and
// transaction ids are cut in the middle; elsewhere they are whole.
func table(out *os.File, payments []payment) {
	rows := [][]string{{"chain", "amount", "recipient", "txid", "state", "confirmations"}}
	for _, p := range payments {
		rows = append(rows, []string{p.chain, p.amount, p.to, p.row.TxID, p.row.State, strconv.FormatUint(p.row.Confirmations, 10)})
	}
	if columns, _, err := term.GetSize(int(out.Fd())); err == nil && total(rows) > columns {
		for _, r := range rows[1:] {
			r[2], r[3] = cut(r[2]), cut(r[3])
		}
	}
	width := widths(rows)
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			fmt.Fprintf(&line, "%-*s  ", width[i], cell)
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}

func widths(rows [][]string) []int {
	w := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			w[i] = max(w[i], len(cell))
		}
	}
	return w
}

func total(rows [][]string) (n int) {
	for _, w := range widths(rows) {
		n += w + 2
	}
	return n - 2
}

func cut(s string) string {
	if len(s) <= 20 {
		return s
	}
	return s[:10] + ".." + s[len(s)-6:]
}
