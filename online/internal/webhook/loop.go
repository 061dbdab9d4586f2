package webhook

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"coldsign/online/internal/store"
	"coldsign/shared/quote"
)

// Outbox is what the loop needs of the store.
type Outbox interface {
	TakeEvents(ctx context.Context, holder string, limit int) (store.Batch, error)
	LeaveEvents(ctx context.Context, id, holder string) error
	EventTold(ctx context.Context, n int64, to store.EventState, answer string, later time.Duration) error
	Forget(ctx context.Context, before time.Time) error
	// TellHeld writes the events of failures that have waited to be mended.
	TellHeld(ctx context.Context) (int, error)
}

// Loop sends events until it is told to stop. Several servers may run it on one
// database: each receiver is one's at a time.
type Loop struct {
	Store  Outbox
	Sender *Sender
	Log    *slog.Logger
	Now    func() time.Time
}

// Run works until ctx ends. What is under way then is told again later.
func (l *Loop) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			holder := store.NewID().String()
			for ctx.Err() == nil {
				if busy, err := l.once(ctx, holder); err == nil && busy {
					continue
				} else if err != nil && ctx.Err() == nil {
					l.Log.Error("cannot read or note what is to be told", "error", err)
				}
				pause(ctx, idle+rand.N(idle))
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			if _, err := l.Store.TellHeld(ctx); err != nil && ctx.Err() == nil {
				l.Log.Error("cannot tell of what was not mended", "error", err)
			}
			pause(ctx, idle+rand.N(idle))
		}
	})
	for ctx.Err() == nil {
		if err := l.Store.Forget(ctx, l.Now().Add(-keep)); err != nil && ctx.Err() == nil {
			l.Log.Error("cannot remove old events", "error", err)
		}
		pause(ctx, time.Hour)
	}
	wg.Wait()
}

func pause(ctx context.Context, t time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(t):
	}
}

// once tells one receiver what is due, and says whether there was one.
func (l *Loop) once(ctx context.Context, holder string) (busy bool, err error) {
	began := time.Now()
	b, err := l.Store.TakeEvents(ctx, holder, batch)
	if err != nil || len(b.Events) == 0 {
		return false, err
	}
	defer func() {
		// Also while the program ends: others need not wait for the lease.
		if e := l.Store.LeaveEvents(context.WithoutCancel(ctx), b.ID, holder); err == nil {
			err = e
		}
	}()
	for _, d := range b.Events {
		if ctx.Err() != nil || time.Since(began) > batchTime {
			break
		}
		if err := l.tell(ctx, b.Receiver, d); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (l *Loop) tell(ctx context.Context, to store.Receiver, d store.Delivery) error {
	answer, failed := l.Sender.Send(ctx, to, d.ID, d.Body)
	if failed != nil && ctx.Err() != nil {
		return nil // we stopped, not the receiver
	}
	state, later, level := store.Delivered, time.Duration(0), slog.LevelInfo
	if failed != nil {
		state, later, level = store.Waiting, wait(d.Attempts+1), slog.LevelWarn
		if d.Attempts+1 >= maxAttempts {
			state, later = store.Dead, 0
		}
	}
	l.Log.LogAttrs(ctx, level, "webhook", slog.String("event", d.ID), slog.String("id", d.Row.String()), slog.String("type", d.Type),
		slog.String("subscription", to.ID), slog.String("host", Host(to.URL)), slog.String("answer", answer), slog.String("state", string(state)), slog.Int("attempt", d.Attempts+1))
	return l.Store.EventTold(context.WithoutCancel(ctx), d.N, state, answer, later)
}

// wait doubles with each attempt, and varies by half: receivers that were away
// together do not come back to all at once.
func wait(attempts int) time.Duration {
	d := longestWait
	if attempts < 13 { // 5 s times 2^12 is more than the longest
		d = min(firstWait<<(attempts-1), longestWait)
	}
	return d/2 + rand.N(d)
}

// Host is the part of an address that may be shown: the rest may be a secret.
func Host(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return quote.Line(u.Host)
}
