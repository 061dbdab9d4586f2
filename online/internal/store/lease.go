package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

const (
	term    = 10 * time.Second // for which a row is a replica's, unless it is renewed
	renewal = term / 4         // how often it is
	again   = time.Second      // between attempts to listen
)

// Replica is one of several servers that broadcast from one database. What it is
// given as due is its own for a term, by the database's clock, which Run renews:
// others look after other rows. Of a replica that died the others take the rows
// over when the term is over. That only saves work: what keeps a payment single is
// the state of its row. A file has one server, so there nobody holds anything.
type Replica struct {
	*Store
	name atomic.Pointer[string]
}

// Replica gives this process a name among the others.
func (s *Store) Replica() *Replica {
	r := &Replica{Store: s}
	r.rename()
	return r
}

// rename gives up what is held when it is not known what that is: a row whose claim or
// return was not answered would be renewed, and looked at by nobody, for as long as the
// process lives. Under the old name it is another's when the term is over.
func (r *Replica) rename() {
	var id [8]byte
	rand.Read(id[:])
	name := hex.EncodeToString(id[:])
	r.name.Store(&name)
}

func (r *Replica) id() string { return *r.name.Load() }

// clock is PostgreSQL's, in milliseconds.
const clock = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

// Due is Store.Due without the rows that another replica holds, or this one does
// already. From now on it holds them.
func (r *Replica) Due(ctx context.Context, limit int) (list []pending.Transaction, err error) {
	if r.path != "" {
		return r.Store.Due(ctx, limit)
	}
	err = r.writeBeside(ctx, func(t *tx) error {
		rows, err := t.sql.QueryContext(ctx, "UPDATE transactions SET holder = ?, held = "+clock+" + ? WHERE n IN (SELECT n FROM transactions WHERE "+isDue+
			" AND NOT (state = 'signed' AND cancel_requested <> 0) AND held <= "+clock+" ORDER BY looked, n LIMIT ? FOR NO KEY UPDATE SKIP LOCKED) RETURNING "+columns,
			r.id(), term.Milliseconds(), limit)
		list, err = all(rows, err, scan)
		return err
	})
	if err != nil {
		r.rename()
		return nil, err
	}
	return list, nil
}

// Seen is Store.Seen, and gives the row up.
func (r *Replica) Seen(ctx context.Context, id bundle.ID, confirmations uint64) error {
	if r.path != "" {
		return r.Store.Seen(ctx, id, confirmations)
	}
	err := r.writeBeside(ctx, func(t *tx) error {
		if err := t.seen(id, confirmations); err != nil {
			return err
		}
		_, err := t.exec("UPDATE transactions SET holder = '', held = 0 WHERE id = ? AND holder = ?", id[:], r.id())
		return err
	})
	if err != nil {
		r.rename()
	}
	return err
}

// Run keeps what the replica holds until ctx ends, then gives it up. It tells of
// failures, and goes on: what is not renewed others take over, no more.
func (r *Replica) Run(ctx context.Context, failed func(error)) {
	if r.path != "" {
		return
	}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), term)
			defer cancel()
			if _, err := r.db.ExecContext(last, "UPDATE transactions SET holder = '', held = 0 WHERE holder = ?", r.id()); err != nil {
				failed(r.fail(err))
			}
			return
		case <-time.After(renewal):
			if _, err := r.db.ExecContext(ctx, "UPDATE transactions SET held = "+clock+" + ? WHERE holder = ?", term.Milliseconds(), r.id()); err != nil && ctx.Err() == nil {
				failed(r.fail(err))
			}
		}
	}
}

// Wake gives a channel that says when rows became signed, whichever process did
// it, until ctx ends. Of a file it is nil: nobody tells.
func (s *Store) Wake(ctx context.Context) <-chan struct{} {
	e, ok := s.engine.(postgresEngine)
	if !ok {
		return nil
	}
	wake := make(chan struct{}, 1)
	go func() {
		for ctx.Err() == nil {
			_ = e.listen(ctx, wake) // a lost connection costs promptness only: rounds go on
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		}
	}()
	return wake
}

func (e postgresEngine) listen(ctx context.Context, wake chan<- struct{}) error {
	conn, err := pgx.ConnectConfig(ctx, e.config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN coldsign_signed"); err != nil {
		return err
	}
	for {
		select {
		case wake <- struct{}{}: // also at first: it may have been missed
		default:
		}
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
