package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"

	"coldsign/offline/internal/book"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/multisig"
	"coldsign/offline/internal/policy"
	"coldsign/offline/internal/review"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// lawOptions are the flags about operators' files.
type lawOptions struct {
	book, tokens string
	clockOK      bool
}

// law is what the operators have put in force.
type law struct {
	policy policy.Policy
	policy.World
	multisigs *multisig.Enrolled
}

// law reads the documents in force, once.
func (s *session) law() (*law, error) {
	if s.laws != nil {
		return s.laws, nil
	}
	enrolled, err := multisig.Load(s.ks)
	if err != nil {
		return nil, err
	}
	if err := s.networks(); err != nil {
		return nil, err
	}
	l := &law{multisigs: enrolled}
	if l.World, err = world(s.chain.All(), s.document); err != nil {
		return nil, err
	}
	raw, err := s.document("policy")
	if err == nil && raw != nil {
		l.policy, err = policy.Parse(raw, l.World)
	} else if err == nil {
		l.policy, err = policy.Preset(s.ks.Preset())
	}
	if err != nil {
		return nil, err
	}
	s.laws = l
	return l, nil
}

// withLaw runs f on an unlocked home, with what is in force there.
func (a *app) withLaw(f func(*session, *law) error) error {
	return a.with(func(s *session) error {
		l, err := s.law()
		if err != nil {
			return err
		}
		return f(s, l)
	})
}

// policy gives the rules in force.
func (s *session) policy() (policy.Policy, error) {
	l, err := s.law()
	if err != nil {
		return policy.Policy{}, err
	}
	return l.policy, nil
}

// reviewer reviews under the rules in force.
func (s *session) reviewer() (*review.Reviewer, error) {
	l, err := s.law()
	if err != nil {
		return nil, err
	}
	if err := s.current(nil); err != nil {
		return nil, err
	}
	if err := s.gone(l.multisigs.List()); err != nil {
		return nil, err
	}
	if err := s.clock(l.policy); err != nil {
		return nil, err
	}
	return s.under(l.policy, l, s.j), nil
}

func (s *session) under(p policy.Policy, l *law, ledger review.Ledger) *review.Reviewer {
	past, created := s.past()
	past = append(past, s.usedUp(p)...)
	r := &review.Reviewer{Networks: s.chain, Keys: s.ks, Ledger: ledger, Policy: p, Book: l.Book, Tokens: l.Tokens, Multisigs: l.multisigs,
		Past: past, Created: created, Latest: s.latest() + maxAhead, Now: s.now().Unix()}
	for _, kind := range []string{"book", "tokens", "networks"} {
		if d, ok := s.ks.Document(kind); ok {
			r.InForce = append(append(r.InForce, kind...), d.Digest[:]...)
		}
	}
	for _, m := range l.multisigs.List() { // they tell what is change
		r.InForce = append(append(r.InForce, m.Name...), m.ID[:]...)
	}
	return r
}

// maxAhead is how many seconds an online half's clock may be ahead of this machine's,
// as it tells. What it tells beyond counts as this much: else one bundle from the far
// future would hold every period for ever.
const maxAhead = 12 * 3600

// past is what was signed, except in some bundles, and the latest time that an online
// half has told.
func (s *session) past(except ...[32]byte) (list []policy.Past, created int64) {
	var latest int64
	for _, e := range s.j.Entries() {
		latest = max(latest, e.Time)
		if e.Sign == nil || slices.Contains(except, e.Sign.Bundle) {
			continue
		}
		told := min(e.Sign.Created, latest+maxAhead)
		created = max(created, told)
		for _, x := range e.Sign.Spent {
			list = append(list, policy.Past{Time: e.Time, Created: told,
				Spend: policy.Spend{Rule: x.Rule, Asset: x.Asset, Amount: new(big.Int).SetBytes(x.Amount)}})
		}
	}
	return list, created
}

// spent sums what the requests of a batch that were signed now, for the first time,
// take of rules.
func spent(batch *review.Batch, receipts []bundle.Receipt) (list []journal.Spend) {
	type key struct{ rule, asset string }
	sums := map[key]*big.Int{}
	var order []key
	for i, r := range receipts {
		if r.Status != bundle.Signed || batch.Items[i].Repeat {
			continue
		}
		for _, x := range batch.Items[i].Verdict.Spends {
			k := key{x.Rule, x.Asset}
			if sums[k] == nil {
				sums[k] = new(big.Int)
				order = append(order, k)
			}
			sums[k].Add(sums[k], x.Amount)
		}
	}
	for _, k := range order {
		list = append(list, journal.Spend{Rule: k.rule, Asset: k.asset, Amount: sums[k].Bytes()})
	}
	return list
}

// clock stops where this machine's clock is behind the journal: what has expired
// would live again. --clock-ok goes on; every receipt tells, and from that entry on
// the clock is believed.
func (s *session) clock(p policy.Policy) error {
	if p.Version == 0 || s.waived&bundle.WaivedClock != 0 {
		return nil
	}
	var last int64
	for _, e := range s.j.Entries() {
		if e.Sign != nil && e.Sign.Waived&bundle.WaivedClock != 0 {
			last = e.Time
		}
		last = max(last, e.Time)
	}
	behind := last - s.now().Unix()
	if behind <= 0 {
		return nil
	}
	if !s.opt.clockOK {
		return fault.New("clock.back", "set the clock; if it is right now and was wrong before, give --clock-ok", "this machine's clock is %d seconds behind the journal's last entry", behind)
	}
	s.clockIsRight(fmt.Sprintf("THE CLOCK IS %d SECONDS BEHIND THE JOURNAL", behind))
	return nil
}

func (s *session) clockIsRight(what string) {
	s.waived |= bundle.WaivedClock
	s.loud = append(s.loud, "WARNING: "+what+", and --clock-ok says that it is right")
}

// ahead stops at a bundle from the future, as clock does at a journal: either clock is
// wrong. --clock-ok goes on, and this machine's is believed.
func (s *session) ahead(created int64) error {
	p, err := s.policy()
	by := created - s.now().Unix()
	if err != nil || p.Version == 0 || by <= maxAhead {
		return err
	}
	if !s.opt.clockOK {
		return fault.New("clock.ahead", "set both clocks; if this machine's is right now, give --clock-ok", "the online half says that it made this bundle %d seconds from now", by)
	}
	s.clockIsRight(fmt.Sprintf("THE CLOCK IS %d SECONDS BEHIND THE BUNDLE", by))
	return nil
}

// readDocument reads an operators' file that the command line names.
func (a *app) readDocument(path string, limit int64) ([]byte, string, error) {
	raw, err := durable.Read(path, limit)
	sum := sha256.Sum256(raw)
	return raw, hex.EncodeToString(sum[:]), err
}

// inWorld runs f with the address book and the token registry that --book and
// --tokens name; else with those in force in the home, if there is one.
func (a *app) inWorld(f func(*law) error) error {
	if _, err := os.Stat(a.opt.home); err == nil && a.opt.book == "" && a.opt.tokens == "" {
		return a.withLaw(func(_ *session, l *law) error { return f(l) })
	}
	if err := a.enter(); err != nil {
		return err
	}
	w, err := world(a.chain.All(), func(kind string) (raw []byte, err error) {
		if path := map[string]string{"book": a.opt.book, "tokens": a.opt.tokens}[kind]; path != "" {
			raw, _, err = a.readDocument(path, book.MaxFile)
		}
		return raw, err
	})
	if err != nil {
		return err
	}
	return f(&law{World: w})
}

// policyCheck reads a policy file and says what it allows.
func (a *app) policyCheck() error {
	return a.inWorld(func(l *law) error {
		raw, sum, err := a.readDocument(a.operand(), policy.MaxFile)
		if err != nil {
			return err
		}
		p, err := policy.Parse(raw, l.World)
		if err != nil {
			return err
		}
		return a.sayPolicy(p, sum, p.Begins(l.policy))
	})
}

// sayPolicy says what a policy allows, and what else there is to say.
func (a *app) sayPolicy(p policy.Policy, sum string, more []string) error {
	lines := append(p.Lines(), more...)
	doc := map[string]any{"preset": p.Preset, "rules": lines}
	if p.Version > 0 {
		doc["name"], doc["version"], doc["digest"] = p.Name, p.Version, sum
		lines = append(lines, "SHA-256 "+sum)
	}
	return a.say(doc, "%s\n", strings.Join(lines, "\n"))
}

// policyShow says what is in force.
func (a *app) policyShow() error {
	return a.with(func(s *session) error {
		p, err := s.policy()
		if err != nil {
			return err
		}
		var caps []string
		for _, ch := range s.chain.All() {
			for _, n := range ch.Networks {
				caps = append(caps, fmt.Sprintf("%s %s (%s): fee at most %s", ch.Name, n.Name, n.ID, chain.Units(n.FeeCap, n.Asset)))
			}
		}
		d, _ := s.ks.Document("policy")
		return s.sayPolicy(p, hex.EncodeToString(d.Digest[:]), caps)
	})
}

// policySet puts a policy file or a preset in force.
func (a *app) policySet() error {
	if (a.opt.preset == "") == (len(a.args) == 0) {
		return cli.Usagef("policy set takes a FILE, or --preset strict or compat")
	}
	if a.opt.preset != "" {
		return a.policyPreset()
	}
	return a.with(func(s *session) error {
		raw, sum, err := a.readDocument(a.operand(), policy.MaxFile)
		if err != nil {
			return err
		}
		if back, err := s.putBack("policy", raw); back || err != nil {
			return err
		}
		l, err := s.law()
		if err != nil {
			return err
		}
		mark, err := policy.OfRehearsal(raw)
		if err == nil {
			err = marked("policy", mark, s.ks.Rehearsal())
		}
		if err != nil {
			return err
		}
		p, err := policy.Parse(raw, l.World)
		if err != nil {
			return err
		}
		if err := s.setDocument("policy", p.Version, raw, func() { s.ks.SetPreset(p.Preset) }); err != nil {
			return err
		}
		return s.sayPolicy(p, sum, p.Begins(l.policy))
	})
}

func (a *app) policyPreset() error {
	p, err := policy.Preset(a.opt.preset)
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		if now, err := s.policy(); err != nil || now.Version > 0 {
			if err == nil {
				err = fault.New("policy.in-force", "put a file of a higher version in force, as the policy says, with preset = \"...\" in it", "policy %s %d is in force", now.Name, now.Version)
			}
			return err
		}
		s.ks.SetPreset(p.Name)
		if _, err := s.record(journal.Entry{Kind: journal.Policy, Text: p.Name}); err != nil {
			return err
		}
		if err := s.ks.Save(); err != nil {
			return err
		}
		return s.sayPolicy(p, "", nil)
	})
}

// undecided is a ledger of a dry run: nothing was decided before, but by a person.
type undecided struct{ review.Ledger }

func (l undecided) Bound(id bundle.ID) (journal.Decision, bool) {
	d, ok := l.Ledger.Bound(id)
	return d, ok && d.Code == "operator.refused"
}

// policyTest judges a bundle by a policy file. Nothing is recorded. The bundle may have
// been decided long ago: what it took then does not count, and what "sign" would say of
// it is told.
func (a *app) policyTest() error {
	return a.withLaw(func(s *session, l *law) error {
		raw, _, err := a.readDocument(a.args[0], policy.MaxFile)
		if err != nil {
			return err
		}
		p, err := policy.Parse(raw, l.World)
		if err != nil {
			return err
		}
		m, err := a.opt.Receive(context.Background(), a.streams(), a.args[1], wanted)
		if err != nil {
			return err
		}
		asked, err := s.requests(m)
		if err != nil {
			return err
		}
		r := s.under(p, l, undecided{s.j})
		r.Partial = frame.IsBundle(m) != nil
		past, _ := s.past(asked.Digest())
		r.Past = append(past, s.usedUp(p)...)
		batch, err := r.Batch(asked)
		if err != nil {
			return err
		}
		var notes []string
		for i := range batch.Items {
			it := &batch.Items[i]
			d, ok := s.j.Bound(it.Request.ID)
			it.Repeat = ok && d.Status != bundle.Deferred && d.Digest == it.Digest
			if it.Repeat {
				notes = append(notes, fmt.Sprintf("%s  REPEAT: was decided before, and sign says the same again: %s", it.Request.ID, d.Status))
			}
		}
		doc := batch.JSON(false, p.Preset)
		return s.print(map[string]any{"policy": p.Label(), "items": doc.Items, "signable": doc.Signable, "refused": doc.Refused}, func(w io.Writer) error {
			if err := verdicts(w, p, batch); err != nil || len(notes) == 0 {
				return err
			}
			_, err := fmt.Fprintln(w, strings.Join(notes, "\n"))
			return err
		})
	})
}

// requests reads requests wherever they come from, and whatever their place.
func (s *session) requests(m frame.Message) (review.Requests, error) {
	if frame.IsBundle(m) != nil {
		return s.foreign(m)
	}
	peer, err := s.peer()
	if err != nil {
		return nil, err
	}
	raw, err := m.Bundle()
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(raw, peer)
	if err != nil {
		return nil, err
	}
	return b, b.For(bundle.Requests, bundle.IDOf(s.ks.Device().Public()))
}

// verdicts prints one line for each request, and below it why.
func verdicts(w io.Writer, p policy.Policy, batch *review.Batch) error {
	fmt.Fprintf(w, "policy %s: a dry run, nothing is signed or recorded\n", p.Label())
	for i := range batch.Items {
		v := batch.Items[i].Verdict
		word := "refused"
		switch {
		case v.Allow:
			word = "allowed"
		case v.Later:
			word = "put off"
		}
		fmt.Fprintf(w, "%s  %s  by %s\n", batch.Items[i].Request.ID, word, v.By)
		if !v.Allow {
			fmt.Fprintf(w, "    %s: %s\n", v.Code, v.Reason)
		}
		for _, n := range v.Needs {
			fmt.Fprintf(w, "    needs %d of role %s\n", n.Count, n.Role)
		}
	}
	sign, refuse := batch.Counts()
	_, err := fmt.Fprintf(w, "would sign %d, refuse %d\n", sign, refuse)
	return err
}
