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
		list := slices.Concat(doctor.Examine(h.ctx, p), h.examineUpstream(), h.examineWebhooks())
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

// disk is the folder that the database fills, or "" where a server keeps it.
func (h *home) disk() string {
	name := cmp.Or(h.opt.database, h.config.Database, filepath.Join(h.opt.home, "coldsign.db"))
	if strings.Contains(name, "://") {
		return ""
	}
	return filepath.Dir(name)
}
