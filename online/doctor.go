package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"coldsign/online/internal/doctor"
	"coldsign/shared/fault"
)

// doctor says what would stop payments, now or soon.
func (a *app) doctor() error {
	return a.look(func(h *home) error {
		p, err := h.patient()
		if err != nil {
			return err
		}
		list := slices.Concat(doctor.Examine(h.ctx, p), h.examineUpstream(), h.examineWebhooks(), h.examineOwners())
		worst := doctor.Worst(list)
		err = h.print(map[string]any{"level": worst, "findings": list}, func(w io.Writer) error {
			for _, f := range list {
				fmt.Fprintf(w, "%-8s %s: %s\n", f.Level, f.Check, f.Text)
				if f.Cure != "" {
					fmt.Fprintf(w, "         %s: %s\n", f.Code, f.Cure)
				}
			}
			return nil
		})
		if err == nil && worst == doctor.Bad {
			return fault.New("doctor.bad", "see the lines that say bad", "something does not work")
		}
		return err
	})
}

// patient is what the doctor examines.
func (h *home) patient() (doctor.Patient, error) {
	p := doctor.Patient{Home: h.opt.home, Disk: h.disk(), Rows: h.store, Now: h.now}
	for _, n := range h.config.Networks {
		list, err := members(n)
		if err != nil {
			return p, err
		}
		for _, m := range list {
			one := doctor.Node{Network: n.ID, Checker: m.Node}
			if len(list) > 1 {
				one.Name = m.Name
			}
			p.Nodes = append(p.Nodes, one)
		}
	}
	slices.SortStableFunc(p.Nodes, func(a, b doctor.Node) int { return cmp.Compare(a.Network, b.Network) })
	return p, nil
}

// examineOwners compares the [[wallet]] tables with the wallets that are here.
func (h *home) examineOwners() []doctor.Finding {
	if h.config.Owners == nil {
		return nil
	}
	all, err := h.store.Wallets(h.ctx)
	if err != nil {
		return nil // the database's own finding says it
	}
	here, nobody := map[string]bool{}, 0
	for _, w := range all {
		here[w.SignatureID.String()] = true
		if h.config.Owners[w.SignatureID.String()] == nil {
			nobody++
		}
	}
	strange := 0
	for id := range h.config.Owners {
		if !here[id] {
			strange++
		}
	}
	switch {
	case strange > 0:
		return []doctor.Finding{{Check: "wallets", Level: doctor.Warning, Code: "wallet.missing",
			Text: fmt.Sprintf("%d of the [[wallet]] tables name a wallet that is not here", strange), Cure: "import its public keys, or correct the id"}}
	case nobody > 0:
		return []doctor.Finding{{Check: "wallets", Level: doctor.OK, Text: fmt.Sprintf("%d of %d wallets are no tenant's: nothing pays from them", nobody, len(all))}}
	}
	return []doctor.Finding{{Check: "wallets", Level: doctor.OK, Text: fmt.Sprintf("each of %d has its tenants", len(all))}}
}

// disk is the folder that the database fills, or "" where a server keeps it.
func (h *home) disk() string {
	name := cmp.Or(h.opt.database, h.config.Database, filepath.Join(h.opt.home, "coldsign.db"))
	if strings.Contains(name, "://") {
		return ""
	}
	return filepath.Dir(name)
}
