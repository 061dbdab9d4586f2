package desk

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

const (
	look      = time.Second      // how often the database is asked what has changed
	beat      = 20 * time.Second // between signs of life
	maxFeeds  = 256              // browsers that are told at once
	writeTime = 10 * time.Second // for one event
)

// feed tells browsers that something has changed. Whoever wants to know what asks.
type feed struct {
	*Desk
	lock    sync.Mutex
	mark    store.Mark
	changed chan struct{} // closed at the next change
	reading int
	ended   chan struct{} // closed when the server stops
}

func newFeed(d *Desk) *feed {
	return &feed{Desk: d, changed: make(chan struct{}), ended: make(chan struct{})}
}

// Run looks for what has changed, and reads new rows for the lists, until ctx ends.
// Call it once.
func (d *Desk) Run(ctx context.Context) {
	defer close(d.feed.ended) // browsers that are told hold the server's end up no longer
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		more := d.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *Desk) round(ctx context.Context) (more bool) {
	defer func() { // a fault here must not end the server
		if what := recover(); what != nil {
			d.Log.Error("panic", "where", "desk")
			more = false
		}
	}()
	more, err := d.index.catchUp(ctx, batch)
	if err == nil {
		err = d.feed.poll(ctx, more)
	}
	if err != nil && ctx.Err() == nil {
		d.Log.LogAttrs(ctx, slog.LevelError, "desk", slog.String("code", fault.Code(err)), slog.String("error", quote.Line(err.Error())))
		return false
	}
	return more
}

func (f *feed) poll(ctx context.Context, more bool) error {
	f.lock.Lock()
	reading := f.reading
	f.lock.Unlock()
	if reading == 0 && !more {
		return nil // nobody wants to know
	}
	m, err := f.Store.Mark(ctx)
	if err != nil {
		return err
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	if m != f.mark || more {
		f.mark = m
		close(f.changed)
		f.changed = make(chan struct{})
	}
	return nil
}

// join counts a browser, unless there are too many.
func (f *feed) join() (leave func(), err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.reading >= maxFeeds {
		return nil, fault.New("desk.busy", "close other windows", "too many pages are open")
	}
	f.reading++
	return func() {
		f.lock.Lock()
		defer f.lock.Unlock()
		f.reading--
	}, nil
}

func (f *feed) next() (<-chan struct{}, store.Mark) {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.changed, f.mark
}

func feedRoutes() []route {
	return []route{{pattern: "GET /desk/events", need: account.Viewer, live: true, do: events}}
}

// events are server-sent: one whenever something has changed, with nothing in it but
// the mark. They end with the session, and the browser comes again.
func events(r *request) error {
	leave, err := r.feed.join()
	if err != nil {
		return err
	}
	defer leave()
	out := http.NewResponseController(r.w)
	r.w.Header().Set("Content-Type", "text/event-stream")
	r.w.Header().Set("X-Accel-Buffering", "no")
	r.w.WriteHeader(http.StatusOK)
	changed, _ := r.feed.next()
	say := func(text string) bool {
		if out.SetWriteDeadline(time.Now().Add(writeTime)) != nil { // the connection's own clock
			return false
		}
		_, err := io.WriteString(r.w, text)
		return err == nil && out.Flush() == nil
	}
	if !say("retry: 2000\n\n") {
		return nil
	}
	life := time.NewTimer(idle)
	defer life.Stop()
	sign := time.NewTicker(beat)
	defer sign.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-life.C:
			return nil
		case <-r.feed.ended:
			return nil
		case <-sign.C:
			if !r.alive() || !say(": \n\n") {
				return nil
			}
		case <-changed:
			var mark store.Mark
			changed, mark = r.feed.next()
			if !r.alive() || !say(fmt.Sprintf("event: changed\ndata: %d.%d.%d\n\n", mark.Rows, mark.Entries, mark.Confirmations)) {
				return nil
			}
		}
	}
}
