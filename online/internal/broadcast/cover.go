package broadcast

import (
	"context"
	"time"

	"coldsign/online/internal/node"
)

// conclusive reports whether a sighting may end the row: it names a proof, the row
// is old enough that no node lags behind it, nor the final blocks of its chain, and no
// node can have forgotten the transaction after it landed. That is so when the row was looked for often enough
// since the bytes could first leave; after a longer gap, as many nodes as must
// agree have to show that they remember the whole of it.
func (w *work) conclusive(ctx context.Context, saw node.Sighting) (bool, error) {
	now := w.loop.Now()
	since, err := w.since(ctx)
	if err != nil {
		return false, err
	}
	proof := !saw.Seen && !saw.Few && (saw.Expired || saw.Conflict)
	whole := now.Sub(since) <= history
	if proof && !whole {
		if h, ok := w.node.(node.Historian); ok {
			// Not to be had is no proof, and no trouble either.
			whole, _ = h.Remembers(ctx, w.sealed(), w.t.Created)
		}
	}
	if saw.Seen || whole && !saw.Few {
		if err := w.cover(ctx, now); err != nil {
			return false, err
		}
	}
	settled := w.t.Created.Add(w.loop.settles())
	if saw.AsOf != 0 && time.Unix(saw.AsOf, 0).Before(settled) {
		return false, nil
	}
	return proof && whole && !now.Before(settled), nil
}

// ahead is how far a time may be in the future: clocks are set back by a little. What is
// further was noted by a clock that ran ahead.
const ahead = time.Minute

// since is the time from which on nobody has looked for the row: the last look
// of an unbroken series that began with its last move, in this process or in
// another one before it. What a clock that ran ahead has noted counts for nothing.
func (w *work) since(ctx context.Context) (time.Time, error) {
	m := w.loop.memory(w.t.ID)
	if !m.read {
		kept, err := w.loop.Store.Covered(ctx, w.t.ID)
		if err != nil {
			w.database = err
			return time.Time{}, err
		}
		w.loop.remember(w.t.ID, func(m *memory) { m.kept, m.read = kept, true })
		m.kept = kept
	}
	var latest time.Time
	soon := w.loop.Now().Add(ahead)
	for _, at := range []time.Time{w.t.Updated, m.covered, m.kept} {
		if at.After(latest) && at.Before(soon) {
			latest = at
		}
	}
	return latest, nil
}

// cover notes a look. The database is told once in a while: what it does not know
// makes a gap seem longer, never shorter.
func (w *work) cover(ctx context.Context, now time.Time) error {
	w.loop.remember(w.t.ID, func(m *memory) { m.covered = now })
	if ago := now.Sub(w.loop.memory(w.t.ID).kept); ago >= 0 && ago < coverEvery {
		return nil
	}
	if err := w.loop.Store.Cover(context.WithoutCancel(ctx), w.t.ID); err != nil {
		w.database = err
		return err
	}
	w.loop.remember(w.t.ID, func(m *memory) { m.kept = now })
	return nil
}
