package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Approval is what was said yes to, and how.
type Approval struct {
	Kind    string // "verdict": it names the digest; "compat": it names nothing
	Verdict []byte // the answer as it came
}

// Asker asks whether a row may be exported. Whatever is not an approval is an
// error, whose code and words the row shows.
type Asker interface {
	Ask(ctx context.Context, t *pending.Transaction) (Approval, error)
}

const (
	askers   = 8 // rows asked about at once
	giveUp   = 8 // questions without an answer, after which no more are asked in this export
	noAnswer = "four-eyes.unreachable"
)

// Require has every export, and every taking of what a hot signer made, ask first, in
// this process: from now on no row goes on that the asker has not said yes to. Call it
// before the store is shared.
func (s *Store) Require(a Asker) { s.asker = a }

// unapproved is the condition of rows that lack an approval of their bytes.
const unapproved = "NOT EXISTS (SELECT 1 FROM approvals a WHERE a.id = transactions.id AND a.digest = transactions.digest)"

// ask asks about pending rows that the selection would export. The answers are
// stored; nothing is held meanwhile, since a service may take its time.
func (s *Store) ask(ctx context.Context, sel Selection, signer string) error {
	if s.asker == nil {
		return nil
	}
	limit := sel.Limit
	if limit <= 0 || limit > bundle.MaxItems {
		limit = bundle.MaxItems
	}
	query, args := "SELECT id FROM transactions WHERE state = 'pending' AND cancel_requested = 0 AND signer = ? AND (deadline = 0 OR deadline > ?) AND "+unapproved, []any{signer, s.now().Unix()}
	if sel.Chain != "" {
		query, args = query+" AND chain = ?", append(args, sel.Chain)
	}
	if sel.Until > 0 {
		query, args = query+" AND n <= ?", append(args, sel.Until)
	}
	// What was never answered well comes last, in any order: whoever submits what the
	// service refuses, or chokes on, keeps no other row from being asked about.
	const fresh = "CASE WHEN code = '' THEN 0 ELSE 1 END, CASE WHEN code = '' THEN 0 ELSE random() END"
	const order = " ORDER BY " + fresh + ", CASE WHEN deadline = 0 THEN 1 ELSE 0 END, deadline, n LIMIT ?"
	var ids []bundle.ID
	find := func(query string, args []any) error {
		found, err := s.db.QueryContext(ctx, query+order, append(args, limit)...)
		some, err := all(found, err, func(from scanner) (id []byte, err error) { return id, from.Scan(&id) })
		for _, id := range some {
			ids = append(ids, bundle.ID(id))
		}
		return s.fail(err)
	}
	if len(sel.IDs) == 0 {
		if err := find(query, args); err != nil {
			return err
		}
	}
	const chunk = 500 // a statement has a bound of its own
	for some := range slices.Chunk(sel.IDs[:min(len(sel.IDs), bundle.MaxItems)], chunk) {
		named := slices.Clone(args)
		for _, id := range some {
			named = append(named, bytes.Clone(id[:]))
		}
		if err := find(query+" AND id IN (?"+strings.Repeat(", ?", len(some)-1)+")", named); err != nil {
			return err
		}
	}
	return s.askAll(ctx, ids)
}

// askAll reads each row when its turn comes: all together may be more than memory holds.
func (s *Store) askAll(ctx context.Context, ids []bundle.ID) error {
	var mu sync.Mutex
	var failed error
	lost, at := 0, 0
	var wg sync.WaitGroup
	for range min(askers, len(ids)) {
		wg.Go(func() {
			for {
				mu.Lock()
				i, over := at, at >= len(ids) || failed != nil || lost >= giveUp || ctx.Err() != nil
				at++
				mu.Unlock()
				if over {
					return
				}
				row, err := s.Get(ctx, Any, ids[i])
				var said error
				if err == nil && row.State == pending.Pending {
					var a Approval
					a, said = s.asker.Ask(ctx, &row)
					err = s.answered(ctx, &row, a, said)
				}
				mu.Lock()
				if lost++; !fault.Is(said, noAnswer) {
					lost = 0
				}
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failed
}

// answered stores an approval, or why there is none.
func (s *Store) answered(ctx context.Context, row *pending.Transaction, a Approval, said error) error {
	return s.writeBeside(context.WithoutCancel(ctx), func(t *tx) error {
		now, err := t.load(Any, row.ID)
		if err != nil || now.State != pending.Pending || now.Digest != row.Digest {
			return err // it has gone elsewhere meanwhile
		}
		code, reason := "", ""
		if said != nil {
			code, reason = fault.Code(said), said.Error()
			reason = reason[:min(len(reason), bundle.MaxReason)]
		} else {
			if a.Kind != "verdict" && a.Kind != "compat" {
				return fault.New("state.invariant", "report this as a defect", "an approval of no kind")
			}
			if _, err := t.exec("INSERT INTO approvals (id, digest, kind, verdict, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, kind = excluded.kind, verdict = excluded.verdict, at = excluded.at",
				row.ID[:], row.Digest[:], a.Kind, blob(a.Verdict), t.at.UnixMilli()); err != nil {
				return err
			}
			if err := t.audit("four-eyes."+a.Kind, row.ID, row.State, row.State, fmt.Sprintf("%x", row.Digest)); err != nil {
				return err
			}
		}
		if now.Code == code && now.Reason == reason {
			return nil
		}
		if code != now.Code && code != "" {
			if err := t.audit("four-eyes.refuse", row.ID, row.State, row.State, code); err != nil {
				return err
			}
		}
		_, err = t.exec("UPDATE transactions SET code = ?, reason = ? WHERE id = ? AND state = 'pending'", code, reason, row.ID[:])
		return err
	})
}

// approved refuses a row that nobody has said yes to. It is asked inside the change
// that exports it.
func (t *tx) approved(row *pending.Transaction) error {
	if !t.gated {
		return nil
	}
	var n int
	if err := t.row("SELECT count(*) FROM approvals WHERE id = ? AND digest = ?", row.ID[:], row.Digest[:]).Scan(&n); err != nil || n > 0 {
		return err
	}
	why := row.Reason
	if why == "" {
		why = "the approval service was not asked"
	}
	code := row.Code
	if !strings.HasPrefix(code, "four-eyes.") {
		code = "four-eyes.missing"
	}
	return fault.New(code, "", "transaction %s is not approved: %s", row.ID, why)
}

// held tells why nothing of a selection is exported, where that is a missing
// approval.
func (t *tx) held(chain string) error {
	if !t.gated {
		return nil
	}
	query, args := "SELECT "+columns+" FROM transactions WHERE state = 'pending' AND cancel_requested = 0 AND signer = '' AND "+unapproved, []any(nil)
	if chain != "" {
		query, args = query+" AND chain = ?", append(args, chain)
	}
	found, err := t.sql.QueryContext(t.ctx, query+" ORDER BY n LIMIT 1", args...)
	rows, err := all(found, err, scan)
	if err != nil || len(rows) == 0 {
		return err
	}
	return t.approved(&rows[0])
}

// Unapproved counts the pending rows that lack an approval, where one is required.
func (s *Store) Unapproved(ctx context.Context) (n int, err error) {
	if s.asker == nil {
		return 0, nil
	}
	err = s.db.QueryRowContext(ctx, "SELECT count(*) FROM transactions WHERE state = 'pending' AND cancel_requested = 0 AND "+unapproved).Scan(&n)
	return n, s.fail(err)
}

// ApprovalOf gives the approval of a row's bytes, and whether there is one.
func (s *Store) ApprovalOf(ctx context.Context, row *pending.Transaction) (a Approval, ok bool, err error) {
	found, err := s.db.QueryContext(ctx, "SELECT kind, verdict FROM approvals WHERE id = ? AND digest = ?", row.ID[:], row.Digest[:])
	list, err := all(found, err, func(from scanner) (a Approval, err error) { return a, from.Scan(&a.Kind, &a.Verdict) })
	if err != nil || len(list) == 0 {
		return a, false, s.fail(err)
	}
	return list[0], true, nil
}
