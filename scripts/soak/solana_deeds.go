package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	sol "github.com/gagliardetto/solana-go"

	"coldsign/scripts/halves"
)

// wish makes a payment, and asks for it.
func (s *stroller) wish(ctx context.Context) error {
	w := &wish{to: sol.NewWallet().PublicKey().String(), lamports: 2_000_000 + uint64(len(s.wishes)), payer: s.payers[rand.IntN(len(s.payers))]}
	if s.chance(s.often(25)) {
		w.poor, w.lamports = true, 2*wealth
	}
	s.wishes = append(s.wishes, w)
	nonce := ""
	if !w.poor && rand.IntN(5) < 2 { // with a durable nonce it would wait for ever
		nonce = w.payer.nonces[rand.IntN(nonceAccounts)].String()
	}
	return s.pay(ctx, w, nonce)
}

// pay asks for one row until the API has said that it has it, with one key. A nonce
// account that another payment has is passed over.
func (s *stroller) pay(ctx context.Context, w *wish, nonce string) error {
	t := &try{key: fmt.Sprintf("soak-%s-%d", w.to[:12], len(w.tries)), nonce: nonce}
	w.tries = append(w.tries, t)
	again := s.chance(3)
	if s.chance(10) {
		time.AfterFunc(time.Duration(rand.IntN(40))*time.Millisecond, func() { s.strike("while a payment is created") })
	}
	for {
		body := map[string]any{"from": w.payer.address, "to": w.to, "amount": lamports(w.lamports), "signatureId": w.payer.id}
		if w.payer.key == nil {
			body["index"] = 0
		}
		if t.nonce != "" {
			body["nonceAccount"] = t.nonce
		}
		id, err := s.Create(ctx, "/v3/solana/transaction", t.key, body)
		r, refused := errors.AsType[*halves.Refusal](err)
		switch {
		case err == nil && t.id != "" && id != t.id:
			s.breakf("%s is row %s and row %s", t.key, t.id, id)
			return nil
		case err == nil && again:
			again, t.id = false, id
			s.counts.add("twice", "payment created")
		case err == nil:
			t.id = id
			return nil
		case refused && t.nonce != "" && (r.Code == "reservation.conflict" || r.Code == "validation.failed") && t.id == "":
			s.counts.add("nonce", "account that another payment has")
			t.nonce = "" // and another body, which needs another key
			t.key += "-recent"
		case refused && (r.Code == "create.node" || r.Code == "create.busy" || r.Status == 503 || r.Status == 502) && t.id == "":
			if err := wait(ctx); err != nil {
				return err
			}
		default:
			if err := s.recover(ctx, err); err != nil {
				return err
			}
		}
	}
}

// often gives how rare something is: in a short run less.
func (s *stroller) often(n int) int {
	if s.clock {
		return n / 4
	}
	return n
}

// lamports writes an amount in whole SOL.
func lamports(n uint64) string { return fmt.Sprintf("%d.%09d", n/1e9, n%1e9) }

// now is the row that is to make the wish now.
func (w *wish) now() *try { return w.tries[len(w.tries)-1] }

// intervene has somebody change his mind, or a stranger use up a nonce.
func (s *stroller) intervene(ctx context.Context) error {
	for range rand.IntN(3) {
		w := s.wishes[max(0, len(s.wishes)-1-rand.IntN(min(40, len(s.wishes))))]
		var err error
		switch n := rand.IntN(10); {
		case n < 3 && w.now().nonce != "":
			err = s.replace(ctx, w)
		case n < 5:
			err = s.compete(ctx, w)
		case n < 7:
			err = s.withdraw(ctx, w)
		default:
			err = s.stranger(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// get asks for a row until the server has answered.
func (s *stroller) get(ctx context.Context, id string) (row halves.Row, err error) {
	for {
		if row, err = s.Get(ctx, id); err == nil {
			return row, nil
		}
		if err := s.recover(ctx, err); err != nil {
			return row, err
		}
	}
}

// delete asks for the end of a row, and tells whether the API has taken it.
func (s *stroller) delete(ctx context.Context, id string) (bool, error) {
	for {
		err := s.Delete(ctx, id)
		r, refused := errors.AsType[*halves.Refusal](err)
		if err == nil || refused && r.Status < 500 {
			break // after a kill it may be done already
		}
		if err := s.recover(ctx, err); err != nil {
			return false, err
		}
	}
	row, err := s.get(ctx, id)
	return row.State == "cancelled" || row.CancelRequested, err
}

// withdraw deletes a payment, wherever it is: what was sent stays.
func (s *stroller) withdraw(ctx context.Context, w *wish) error {
	w.unwanted = true
	taken, err := s.delete(ctx, w.now().id)
	if err == nil && taken {
		w.refused = true
		s.counts.add("minds changed", "deleted")
	}
	return err
}

// replace deletes a payment with a durable nonce and makes it anew with the same one:
// the two conflict on chain.
func (s *stroller) replace(ctx context.Context, w *wish) error {
	if w.unwanted || w.poor {
		return nil
	}
	taken, err := s.delete(ctx, w.now().id)
	if err != nil || !taken {
		return err
	}
	s.counts.add("minds changed", "made anew with the same nonce")
	return s.pay(ctx, w, w.now().nonce)
}

// compete cancels as the operator does: with a durable nonce by another transaction.
func (s *stroller) compete(ctx context.Context, w *wish) error {
	w.unwanted = true
	err := s.killing(ctx, "cancel", func(ctx context.Context) error {
		_, err := s.Online(ctx, "cancel", w.now().id, "--json")
		return err
	})
	switch code := halves.CodeOf(err); {
	case err == nil:
		s.counts.add("minds changed", "cancelled by the operator")
	case strings.HasPrefix(code, "replace.") || strings.HasPrefix(code, "state.") || strings.HasPrefix(code, "reservation."):
		s.counts.add("minds changed", "too late: "+code)
	default:
		return err
	}
	return nil
}

// stranger advances a nonce with the key that he has too.
func (s *stroller) stranger(ctx context.Context) error {
	for _, t := range s.payers {
		if t.key == nil {
			continue
		}
		account := t.nonces[rand.IntN(nonceAccounts)]
		if s.emptied < nonceAccounts/2 && s.chance(s.often(30)) {
			if s.chain.empty(ctx, account, t.key) == nil {
				s.emptied++
				s.counts.add("nonce", "closed by a stranger")
			}
			return nil
		}
		if err := s.chain.advance(ctx, account, t.key); err != nil {
			s.counts.add("nonce", "stranger came too late")
			return nil // it was advanced with this blockhash already
		}
		s.counts.add("nonce", "advanced by a stranger")
	}
	return nil
}

// follow looks at some payments as their client does: what has ended without being
// made is made anew, with a row and a key of its own.
func (s *stroller) follow(ctx context.Context) error {
	for range 6 {
		if err := s.anew(ctx, s.wishes[rand.IntN(len(s.wishes))]); err != nil {
			return err
		}
	}
	return nil
}

func (s *stroller) anew(ctx context.Context, w *wish) error {
	if w.unwanted || w.poor {
		return nil
	}
	row, err := s.get(ctx, w.now().id)
	if err != nil {
		return err
	}
	late := row.CancelRequested && row.Code == "deadline.passed"
	switch row.State {
	case "cancelled", "expired", "refused":
		s.counts.add("made anew", row.State)
	case "failed":
		s.counts.add("made anew", "failed "+row.Code)
	case "exported", "signed", "pending":
		if !late {
			return nil
		}
		s.counts.add("made anew", "late")
	default:
		return nil
	}
	return s.pay(ctx, w, "")
}

// settle stops all faults, makes anew what has ended, and waits until every row has come
// to its end and every nonce account is free or advanced.
func (s *stroller) settle(ctx context.Context) (r result, err error) {
	for _, g := range s.gates {
		g.calm()
	}
	s.chain.roughly(false)
	s.calm, s.away = true, time.Time{}
	s.strike("at the end") // what it remembers of troubles makes it wait
	fresh, leap := time.Now(), 0
	for end := time.Now().Add(s.Settle); ; {
		if err := errors.Join(s.chain.healthy(), s.alive(ctx), s.cross(ctx)); err != nil {
			return r, err
		}
		if r, err = s.reconcile(ctx, true); err != nil || r.clean() || len(s.broken) > 0 || time.Now().After(end) {
			return r, err
		}
		if err := s.renew(ctx); err != nil {
			return r, err
		}
		if err := s.close(ctx); err != nil {
			return r, err
		}
		every := 20 * time.Second
		if s.clock {
			before := leap
			if leap, err = s.leap(ctx, leap); err != nil {
				return r, err
			}
			if every = 2 * time.Second; leap > before {
				every = 0
			}
		}
		if time.Since(fresh) > every {
			s.strike("at the end")
			fresh = time.Now()
		}
		if err := wait(ctx); err != nil {
			return r, err
		}
	}
}

// renew makes some anew of what has ended: few enough to cross the gap, and to be sent,
// before a minute is over.
func (s *stroller) renew(ctx context.Context) error {
	const some = 8
	rows := 0
	for _, w := range s.wishes {
		before := len(w.tries)
		if err := s.anew(ctx, w); err != nil {
			return err
		}
		if rows += len(w.tries) - before; rows == some {
			break
		}
	}
	return nil
}

// cross carries all that waits across the gap, without chance.
func (s *stroller) cross(ctx context.Context) error {
	for range 3 { // the last bundle is given again until its answer is in
		if err := s.export(ctx); err != nil {
			return err
		}
		for len(s.requests) > 0 {
			if err := s.signs(ctx); err != nil {
				return err
			}
		}
		if len(s.answers) == 0 {
			return nil
		}
		for len(s.answers) > 0 {
			if err := s.arrive(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// close makes a last payment with each nonce account, when all else has ended: what a
// payment that was cancelled still holds goes over to it, and ends with it.
func (s *stroller) close(ctx context.Context) error {
	if s.closing || s.open > 0 {
		return nil
	}
	s.closing = true
	for _, t := range s.payers {
		for _, nonce := range t.nonces {
			if value, err := s.chain.nonce(ctx, nonce, "finalized"); err != nil || value.IsZero() {
				if err != nil {
					return err
				}
				continue // it is closed
			}
			w := &wish{to: sol.NewWallet().PublicKey().String(), lamports: 3_000_000, payer: t, last: true}
			s.wishes = append(s.wishes, w)
			if err := s.pay(ctx, w, nonce.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// leap sets both clocks: twice ahead, so that what the chain has shown to be over is
// believed, and back.
func (s *stroller) leap(ctx context.Context, n int) (int, error) {
	if s.moving > 0 || s.open == 0 {
		return n, nil
	}
	seconds := []int{150, 300, 0}[n%3]
	if err := s.chain.ask(ctx, nil, "svm_ahead", seconds); err != nil {
		return n, err
	}
	return n + 1, os.WriteFile(s.Path("clock"), []byte(fmt.Sprint(seconds)), 0o600)
}
