package doctor

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

var now = time.Unix(1_800_000_000, 0)

// rows is a database in whatever condition a case needs.
type rows struct {
	ping, paired error
	groups       []store.Group
	latest       time.Time
}

func (r *rows) Ping(context.Context) error                       { return r.ping }
func (r *rows) Stats(context.Context) ([]store.Group, error)     { return r.groups, nil }
func (r *rows) Paired(context.Context) error                     { return r.paired }
func (r *rows) JournalHead(context.Context) (bundle.Head, error) { return bundle.Head{Number: 3}, nil }
func (r *rows) Latest(context.Context) (time.Time, error)        { return r.latest, nil }

type node func(context.Context) error

func (n node) Check(ctx context.Context) error { return n(ctx) }

func healthy(context.Context) error { return nil }

// group is one group of rows that waits.
func group(s pending.State, age time.Duration, deadline int64, noted int64) []store.Group {
	return []store.Group{{Network: "eip155:1", State: s, Count: 3, Oldest: now.Add(-age), Deadline: deadline, Noted: noted}}
}

// TestFindings: each thing that is wrong is found under its code, at its level,
// and what is right next to it is not.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		rows  rows
		node  node
		mode  os.FileMode
		level Level
		codes []string
	}{
		"healthy":                  {level: OK},
		"database":                 {rows: rows{ping: fault.New("store.lost", "", "gone")}, level: Bad, codes: []string{"store.lost"}},
		"not paired":               {rows: rows{paired: fault.New("pair.missing", "", "none")}, level: Warning, codes: []string{"pair.missing"}},
		"stopped":                  {rows: rows{paired: fault.New("pair.stopped", "", "stop")}, level: Bad, codes: []string{"pair.stopped"}},
		"clock back":               {rows: rows{latest: now.Add(skew + 1)}, level: Bad, codes: []string{"clock.back"}},
		"clock within the skew":    {rows: rows{latest: now.Add(skew)}, level: OK},
		"home open":                {mode: 0o750, level: Warning, codes: []string{"home.open"}},
		"node":                     {node: func(context.Context) error { return fault.New("node.network", "", "another chain") }, level: Bad, codes: []string{"node.network"}},
		"node of unknown trouble":  {node: func(context.Context) error { return errors.New("\x1b[2J") }, level: Bad, codes: []string{"internal"}},
		"out too long":             {rows: rows{groups: group(pending.Exported, longOut+1, 0, 0)}, level: Warning, codes: []string{"transaction.out"}},
		"out":                      {rows: rows{groups: group(pending.Exported, longOut, 0, 0)}, level: OK},
		"slow":                     {rows: rows{groups: group(pending.Broadcast, longOnWay+1, 0, 0)}, level: Warning, codes: []string{"transaction.slow"}},
		"on its way":               {rows: rows{groups: group(pending.Broadcasting, longOnWay, 0, 0)}, level: OK},
		"noted":                    {rows: rows{groups: group(pending.Broadcasting, 0, 0, 1)}, level: Warning, codes: []string{"transaction.noted"}},
		"deadline near":            {rows: rows{groups: group(pending.Pending, 0, now.Unix()+3599, 0)}, level: Warning, codes: []string{"deadline.near"}},
		"deadline far":             {rows: rows{groups: group(pending.Pending, 0, now.Unix()+3600, 0)}, level: OK},
		"deadline of what is sent": {rows: rows{groups: group(pending.Broadcast, 0, now.Unix()-1, 0)}, level: OK},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			if c.mode == 0 {
				c.mode = 0o700
			}
			if err := os.Chmod(home, c.mode); err != nil {
				t.Fatal(err)
			}
			if c.node == nil {
				c.node = healthy
			}
			list := Examine(t.Context(), Patient{Home: home, Disk: home, Rows: &c.rows, Nodes: []Node{{Network: "eip155:1", Checker: c.node}}, Now: func() time.Time { return now }})
			var codes []string
			kept := list[:0]
			for _, f := range list {
				if f.Check == "time service" || f.Check == "disk" {
					continue // of the machine that tests
				}
				kept = append(kept, f)
				if f.Level != OK {
					codes = append(codes, f.Code)
				}
				for _, r := range f.Text {
					if r < ' ' || r > '~' {
						t.Errorf("%q is not printable", f.Text)
					}
				}
			}
			if len(codes) != len(c.codes) || len(codes) > 0 && codes[0] != c.codes[0] || Worst(kept) != c.level {
				t.Errorf("%v at %s, want %v at %s", codes, Worst(kept), c.codes, c.level)
			}
		})
	}
}

// TestSlowNode: one that hangs does not keep the others from being asked.
func TestSlowNode(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	hangs := node(func(ctx context.Context) error { <-asked; cancel(); <-ctx.Done(); return ctx.Err() })
	answers := node(func(context.Context) error { close(asked); return nil })
	list := (Patient{Nodes: []Node{{Network: "a", Checker: hangs}, {Network: "b", Checker: answers}}}).nodes(ctx)
	if list[0].Level != Bad || list[1].Level != OK {
		t.Errorf("%+v", list)
	}
}

func TestNoNode(t *testing.T) {
	if list := (Patient{}).nodes(t.Context()); len(list) != 1 || list[0].Code != "node.missing" {
		t.Errorf("%+v", list)
	}
}
