package carry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Row is what a page follows of a transaction.
type Row struct {
	ID            string        `json:"id"`
	Chain         string        `json:"chain"`
	State         pending.State `json:"state"`
	TxID          string        `json:"txId,omitempty"`
	Confirmations uint64        `json:"confirmations"`
	Depth         uint64        `json:"depth,omitempty"` // at which it is complete; 0 when not known here
	Code          string        `json:"code,omitempty"`
	Reason        string        `json:"reason,omitempty"`
}

// watch tells as server-sent events what becomes of the transactions that a scan
// answered: each once, then whatever changes, until all are at their end.
func (g *Gap) watch(w http.ResponseWriter, r *http.Request) error {
	s, err := g.scan(r.PathValue("scan"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	ids := s.ids[:min(len(s.ids), maxWatched)]
	s.mu.Unlock()
	select {
	case g.watches <- struct{}{}:
		defer func() { <-g.watches }()
	default:
		return fault.New("carry.busy", "close other pages of the desk", "too many pages follow transactions")
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	e := events{w, http.NewResponseController(w)}
	_ = e.c.SetReadDeadline(time.Time{}) // that of the server is for the request, which is here
	g.follow(r, e, ids)
	return nil
}

// follow ends when the page is gone, when the process stops, or when all is told.
func (g *Gap) follow(r *http.Request, e events, ids []string) {
	told := map[string]Row{}
	tick := time.NewTicker(look)
	defer tick.Stop()
	end := time.After(watchTime)
	quiet := time.Now()
	for {
		changed, over, err := g.changes(r, ids, told)
		if err == nil && (len(changed) > 0 || over) {
			err, quiet = e.send("rows", changed), time.Now()
		} else if err == nil && time.Since(quiet) > beat {
			err, quiet = e.write(": still here\n\n"), time.Now()
		}
		if over && err == nil {
			err = e.send("over", nil)
		}
		if err != nil || over {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-g.Done:
			return
		case <-end:
			return
		}
	}
}

// changes gives the rows that differ from what was told, and whether all are at
// their end.
func (g *Gap) changes(r *http.Request, ids []string, told map[string]Row) (list []Row, over bool, err error) {
	over = true
	for _, text := range ids {
		if ended(told[text].State) {
			continue
		}
		id, err := bundle.ParseID(text)
		if err != nil {
			return nil, false, err
		}
		t, err := g.Store.Get(r.Context(), store.Any, id)
		if err != nil {
			return nil, false, err
		}
		row := Row{text, t.Chain, t.State, t.TxID, t.Confirmations, g.Depth[t.Network], t.Code, t.Reason}
		over = over && ended(t.State)
		if row != told[text] {
			told[text] = row
			list = append(list, row)
		}
	}
	return list, over, nil
}

// ended reports whether nothing is to be expected that a page should wait for.
func ended(s pending.State) bool {
	switch s {
	case pending.Complete, pending.Cancelled, pending.Refused, pending.Expired, pending.Failed:
		return true
	}
	return false
}

// events writes server-sent events (HTML standard, section 9.2).
type events struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (e events) send(name string, v any) error {
	b, err := json.Marshal(v) // no line break is in it
	if err != nil {
		return err
	}
	return e.write(fmt.Sprintf("event: %s\ndata: %s\n\n", name, b))
}

func (e events) write(text string) error {
	_ = e.c.SetWriteDeadline(time.Now().Add(2 * beat))
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	return e.c.Flush()
}
