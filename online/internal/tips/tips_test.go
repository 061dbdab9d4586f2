package tips

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

// fake is a node that says what a test wants.
type fake struct {
	node.Node
	tip   func(context.Context) (node.Tip, error)
	check error
}

func (f fake) Check(context.Context) error               { return f.check }
func (f fake) Tip(ctx context.Context) (node.Tip, error) { return f.tip(ctx) }

func at(height uint64) fake {
	return fake{tip: func(context.Context) (node.Tip, error) { return node.Tip{Height: height, Time: time.Unix(1, 0)}, nil }}
}

func TestLook(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	hangs := fake{tip: func(ctx context.Context) (node.Tip, error) {
		<-asked
		cancel()
		<-ctx.Done()
		return node.Tip{}, ctx.Err()
	}}
	last := fake{tip: func(context.Context) (node.Tip, error) { close(asked); return node.Tip{Height: 100}, nil }}
	broken := fake{tip: func(context.Context) (node.Tip, error) { panic("x") }}
	evil := fake{check: errors.New("<script>\x1b[2J" + strings.Repeat("y", 10_000))}
	list := Look(ctx, []Network{
		{ID: "eip155:1", Views: 2, Nodes: []Node{{"a", "https://node.example/v3/secretsecret", at(96)}, {"b", "http://u:secret@b.example:8545?key=secret", last}, {"c", ":", hangs}}},
		{ID: "eip155:5", Views: 1, Nodes: []Node{{"d", "http://d.example", broken}, {"e", "http://e.example/", evil}, {"f", "http://f.example", fake{check: fault.New("node.network", "", "another")}}}},
		{ID: "eip155:9", Views: 1, Nodes: []Node{{"g", "http://g.example", at(7)}, {"h", "http://h.example", at(10)}}},
	}, time.Now)
	one, two, three := list[0], list[1], list[2]
	if n := one.Nodes; !n[0].Up || n[0].Behind != 4 || n[0].Height != 96 || n[0].Block.IsZero() || n[1].Behind != 0 || !n[1].Up || !n[2].Up || n[2].Code == "" || n[2].Behind != 0 {
		t.Errorf("%+v", n)
	}
	if !one.Apart || one.Up != 3 || !one.Enough() || two.Enough() || two.Up != 0 || three.Apart || three.Up != 2 {
		t.Errorf("%+v\n%+v\n%+v", one, two, three)
	}
	if n := two.Nodes; n[0].Code != "node.panic" || n[0].Text != "the node client broke: x" || n[1].Code != "internal" || len(n[1].Text) > maxText+3 || strings.Contains(n[1].Text, "\x1b") || n[2].Code != "node.network" || n[2].Up {
		t.Errorf("%+v", n)
	}
	for i, want := range []string{"https://node.example/...", "http://b.example:8545/...", "(hidden)"} {
		if got := one.Nodes[i].Address; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
