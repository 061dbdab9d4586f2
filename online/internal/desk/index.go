package desk

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/report"
	"coldsign/online/internal/store"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// index reads rows for the lists: what each pays, by the same codec as everywhere.
type index struct {
	*Desk
	lock sync.Mutex
	read int64 // rows up to here have been looked at
}

const (
	batch = 200   // rows read at once
	late  = 1_000 // numbers that a slow change of another process may still fill
)

// catchUp reads at most a number of rows, and reports whether more are left.
func (x *index) catchUp(ctx context.Context, most int) (more bool, err error) {
	x.lock.Lock()
	defer x.lock.Unlock()
	if x.Store.Damaged() != nil {
		return false, nil
	}
	last, err := x.Store.LastRow(ctx)
	if err != nil {
		return false, err
	}
	for done := 0; done < most; {
		list, err := x.Store.Unread(ctx, max(0, x.read-late), batch)
		if err != nil {
			return false, err
		}
		if len(list) == 0 {
			x.read = max(x.read, last)
			return false, nil
		}
		sums := make([]store.Summary, len(list))
		for i, u := range list {
			sums[i] = x.summary(ctx, u)
		}
		if err := x.Store.Summarise(ctx, sums); err != nil {
			return false, err
		}
		x.read = max(x.read, list[len(list)-1].N)
		done += len(list)
		if len(list) < batch {
			x.read = max(x.read, last)
			return false, nil
		}
	}
	return true, nil
}

func (x *index) summary(ctx context.Context, u store.Unread) store.Summary {
	s := store.Summary{N: u.N, Wallets: wallets(&u.Row)}
	request, err := intake.Request(&u.Row)
	if err == nil {
		s.Note, s.Requester = request.Note, request.Requester
		var review chain.Review
		if review, err = x.Intake.Review(&u.Row); err == nil {
			for _, e := range report.Leaving(x.Chains.All(), &u.Row, request, review) {
				s.Movements = append(s.Movements, store.Movement{Asset: e.Asset.ID, Symbol: e.Asset.Symbol, Decimals: e.Asset.Decimals, Amount: e.Amount, To: e.To})
			}
		}
	}
	if err != nil { // a row of an older version that nobody can read any more is still a row
		x.Log.LogAttrs(ctx, slog.LevelWarn, "unreadable", slog.String("id", u.Row.ID.String()), slog.String("code", fault.Code(err)))
	}
	return s
}

// wallets are the signature ids that a row names, each once.
func wallets(t *pending.Transaction) []string {
	list := slices.Clone(t.Hashes)
	for _, k := range t.Signatures {
		list = append(list, k.ID)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
