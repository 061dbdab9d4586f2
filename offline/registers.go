package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"coldsign/offline/internal/book"
	"coldsign/offline/internal/document"
	"coldsign/offline/internal/policy"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
)

func registerCommands() (list []cli.Command[*app]) {
	for _, kind := range []string{"book", "tokens", "networks"} {
		list = append(list,
			cli.Command[*app]{Name: kind + " check", Flags: everywhere(), Min: 1, Max: 1, Do: func(a *app) error { return a.registerCheck(kind) }},
			cli.Command[*app]{Name: kind + " set", Flags: everywhere("approval"), Min: 1, Max: 1, Do: func(a *app) error { return a.registerSet(kind) }},
			cli.Command[*app]{Name: kind + " show", Flags: everywhere(), Do: func(a *app) error { return a.registerShow(kind) }})
	}
	return list
}

// register is an address book or a token registry, as it was read.
type register struct {
	kind string
	book.Head
	lines []string
	list  any
	empty error               // that it does not say what it is
	world func(*policy.World) // puts it in its place
}

// register reads a file of a kind: "book", "tokens" or "networks".
func (a *app) register(kind string, raw []byte) (register, error) {
	if kind == "book" {
		b, err := book.Parse(raw, a.chain.All())
		if err != nil {
			return register{}, err
		}
		r := register{kind, b.Head, nil, b.Entries, document.Tells(b.Kind, book.KindBook, len(b.Entries)), func(w *policy.World) { w.Book = b }}
		for _, e := range b.Entries {
			r.lines = append(r.lines, strings.TrimRight(fmt.Sprintf("%s  %s  %s  %s  %s", e.Address, e.Network, e.Name, strings.Join(e.Tags, ","), e.Note), " "))
		}
		return r, nil
	}
	if kind == "networks" {
		n, err := book.ParseNetworks(raw)
		if err != nil {
			return register{}, err
		}
		r := register{kind, n.Head, nil, n.List, document.Tells(n.Kind, book.KindNetworks, len(n.List)), func(w *policy.World) { w.Chains = registry.New(n.List...).All() }}
		for _, x := range n.List {
			r.lines = append(r.lines, fmt.Sprintf("ETH %s  %s  coin %s  a transaction may cost %s by default", x.Name, x.ID, x.Asset.Symbol, chain.Units(x.FeeCap, x.Asset)))
		}
		return r, nil
	}
	t, err := book.ParseTokens(raw, a.chain.All())
	if err != nil {
		return register{}, err
	}
	r := register{kind, t.Head, nil, t.List, document.Tells(t.Kind, book.KindTokens, len(t.List)), func(w *policy.World) { w.Tokens = t }}
	for _, x := range t.List {
		r.lines = append(r.lines, fmt.Sprintf("%s  %s  %d decimals", x.Asset, x.Symbol, x.Decimals))
	}
	return r, nil
}

func (a *app) sayRegister(r register, sum string) error {
	return a.print(map[string]any{"name": r.Name, "version": r.Version, "digest": sum, "list": r.list}, func(w io.Writer) error {
		for _, line := range r.lines {
			fmt.Fprintln(w, line)
		}
		_, err := fmt.Fprintf(w, "%s %s, version %d, %d in it\nSHA-256 %s\n", r.kind, r.Name, r.Version, len(r.lines), sum)
		return err
	})
}

// registerCheck reads a file and says what is in it; it needs no home.
func (a *app) registerCheck(kind string) error {
	if err := a.enter(); err != nil {
		return err
	}
	raw, sum, err := a.readDocument(a.operand(), book.MaxFile)
	if err != nil {
		return err
	}
	r, err := a.register(kind, raw)
	if err != nil || r.empty != nil {
		return cmp.Or(err, r.empty)
	}
	return a.sayRegister(r, sum)
}

// registerShow says what is in force.
func (a *app) registerShow(kind string) error {
	return a.with(func(s *session) error {
		raw, err := s.document(kind)
		if err != nil {
			return err
		}
		if raw == nil {
			return fault.New("document.none", "\"coldsign-offline "+kind+" set FILE\" puts one in force", "no %s is in force", kind)
		}
		r, err := s.register(kind, raw)
		if err != nil {
			return err
		}
		d, _ := s.ks.Document(kind)
		return s.sayRegister(r, fmt.Sprintf("%x", d.Digest))
	})
}

// registerSet puts a file in force, if the policy in force can still be read with it.
func (a *app) registerSet(kind string) error {
	return a.with(func(s *session) error {
		raw, sum, err := a.readDocument(a.operand(), book.MaxFile)
		if err != nil {
			return err
		}
		if back, err := s.putBack(kind, raw); back || err != nil {
			return err
		}
		l, err := s.law()
		if err != nil {
			return err
		}
		r, err := s.register(kind, raw)
		if err != nil {
			return err
		}
		w := l.World
		r.world(&w)
		if kind == "networks" {
			if w, err = world(w.Chains, s.document); err != nil {
				return fault.New("networks.used", "put a book and a registry in force first that do without", "what is in force could no longer be read: %s", what(err))
			}
		}
		if l.policy.Version > 0 {
			rules, err := s.document("policy")
			if err != nil {
				return err
			}
			if _, err := policy.Parse(rules, w); err != nil {
				return fault.New("policy.broken", "put a policy in force first that does without", "policy %s %d could no longer be read: %s", l.policy.Name, l.policy.Version, what(err))
			}
		}
		if err := marked(kind, r.Rehearsal, s.ks.Rehearsal()); err != nil {
			return err
		}
		if r.empty != nil {
			return r.empty
		}
		if err := s.setDocument(kind, r.Version, raw, func() {}); err != nil {
			return err
		}
		return s.sayRegister(r, sum)
	})
}
