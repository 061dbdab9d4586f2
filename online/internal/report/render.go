package report

import (
	_ "embed"
	"encoding/csv"
	"html/template"
	"io"
	"strconv"
	"strings"
)

// columns of the CSV: a line for each payment, and one without for a request that
// pays nobody.
func columns() []string {
	return []string{"bundle", "id", "chain", "network", "tenant", "state", "outcome", "txId", "confirmations", "onChain",
		"disagrees", "code", "reason", "asset", "symbol", "amount", "to", "maxFeeAsset", "maxFee"}
}

// CSV writes a line for each payment (RFC 4180). Amounts are base units. The fee
// stands once for a transaction, on its first line, so that columns add up.
func (r *Report) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns()); err != nil {
		return err
	}
	for _, l := range r.Lines {
		list := l.Payments
		if len(list) == 0 {
			list = []Payment{{}}
		}
		for i, p := range list {
			fee := l.MaxFee
			if i > 0 {
				fee = Payment{}
			}
			row := []string{strconv.FormatUint(r.Bundle, 10), l.ID, l.Chain, string(l.Network), l.Tenant, l.State, string(l.Outcome), l.TxID,
				strconv.FormatUint(l.Confirmations, 10), l.OnChain, l.Disagrees, l.Code, l.Reason, p.Asset, p.Symbol, p.Amount, p.To, fee.Asset, fee.Amount}
			for j := range row {
				row[j] = cell(row[j])
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// cell keeps a spreadsheet from taking text for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

//go:embed report.html
var page string

// HTML writes a page that needs nothing else: no script, no other file.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}
