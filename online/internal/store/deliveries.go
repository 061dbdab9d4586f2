package store

import (
	"context"
	"strconv"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/quote"
)

// holding is for how long a subscription is one server's, which tells its
// receiver meanwhile. It must be more than a batch takes.
const holding = time.Minute

const forget = 10_000 // events that are removed in one change

const maxAnswer = 200 // bytes of what is kept of a receiver's answer

// EventState is how far an event is.
type EventState string

// The states. Dropped is what nobody wants any more.
const (
	Waiting   EventState = "waiting"
	Delivered EventState = "delivered"
	Dead      EventState = "dead" // tried as often as is tried; Resend tries again
	Dropped   EventState = "dropped"
)

// Delivery is an event on its way to a receiver.
type Delivery struct {
	N            int64
	ID           string // the same at every attempt
	Subscription string
	Type, URL    string
	Row          bundle.ID
	Body         string
	State        EventState
	Attempts     int
	Answer       string    // of the last attempt
	Due          time.Time // of the next; zero at once
	At, Done     time.Time
}

// Batch is what one receiver is to be told now.
type Batch struct {
	Receiver
	Events []Delivery
}

// millis is the time now, in SQL: the server's own where several share it.
func (s *Store) millis() string {
	if s.path != "" {
		return strconv.FormatInt(s.now().UnixMilli(), 10)
	}
	return clock
}

// ready is what may be sent now, of a subscription s: the oldest that waits of its row
// and receiver. An address that is subscribed to several kinds is one receiver.
func (s *Store) ready() string {
	return "e.state = 'waiting' AND e.due <= " + s.millis() +
		" AND NOT EXISTS (SELECT 1 FROM events o JOIN subscriptions r ON r.id = o.subscription WHERE o.row = e.row AND r.url = s.url AND r.removed = 0 AND o.state = 'waiting' AND o.n < e.n)"
}

// TakeEvents gives the receiver that waits longest for an event that is due, and up to
// limit events, one of each row; no events when nobody waits. Nobody else is given
// it until LeaveEvents, or for a minute.
func (s *Store) TakeEvents(ctx context.Context, holder string, limit int) (b Batch, err error) {
	query := "SELECT " + receiverColumns + " FROM subscriptions s WHERE removed = 0 AND held <= " + s.millis() +
		" AND EXISTS (SELECT 1 FROM events e WHERE e.subscription = s.id AND " + s.ready() + ") ORDER BY held, id LIMIT 1"
	rows, err := s.db.QueryContext(ctx, query)
	if list, err := all(rows, err, receiver); err != nil || len(list) == 0 {
		return Batch{}, s.fail(err) // reading costs no write
	}
	err = s.writeBeside(ctx, func(t *tx) error {
		b = Batch{}
		rows, err := t.sql.QueryContext(t.ctx, query+" /* FOR NO KEY UPDATE OF s SKIP LOCKED */")
		list, err := all(rows, err, receiver)
		if err != nil || len(list) == 0 {
			return err
		}
		if _, err := t.exec("UPDATE subscriptions SET holder = ?, held = "+s.millis()+" + ? WHERE id = ?", holder, holding.Milliseconds(), list[0].ID); err != nil {
			return err
		}
		rows, err = t.sql.QueryContext(t.ctx, "SELECT "+deliveryColumns+" WHERE e.subscription = ? AND "+s.ready()+" ORDER BY e.n LIMIT ?", list[0].ID, limit)
		b.Receiver = list[0]
		b.Events, err = all(rows, err, delivery)
		return err
	})
	return b, err
}

// LeaveEvents lets others have the receiver; those that wait come before it.
func (s *Store) LeaveEvents(ctx context.Context, id, holder string) error {
	return s.writeBeside(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE subscriptions SET holder = '', held = "+s.millis()+" WHERE id = ? AND holder = ?", id, holder)
		return err
	})
}

// EventTold notes what came of an attempt: the receiver has the event, or it is tried
// again later, or it is dead.
func (s *Store) EventTold(ctx context.Context, n int64, to EventState, answer string, later time.Duration) error {
	answer = quote.Line(answer)
	return s.writeBeside(ctx, func(t *tx) error {
		done := t.at.UnixMilli()
		if to == Waiting {
			done = 0
		}
		_, err := t.exec("UPDATE events SET state = ?, attempts = attempts + 1, answer = ?, done = ?, due = "+s.millis()+" + ? WHERE n = ? AND state = 'waiting'",
			string(to), answer[:min(len(answer), maxAnswer)], done, later.Milliseconds(), n)
		return err
	})
}

// Forget removes events that were delivered before the given time.
func (s *Store) Forget(ctx context.Context, before time.Time) (err error) {
	for n := int64(forget); n == forget && err == nil; { // so that others may write in between
		err = s.writeBeside(ctx, func(t *tx) error {
			n, err = t.exec("DELETE FROM events WHERE n IN (SELECT n FROM events WHERE state IN ('delivered', 'dropped') AND done < ? ORDER BY n LIMIT ?)", before.UnixMilli(), forget)
			return err
		})
	}
	return err
}

const deliveryColumns = "e.n, e.id, e.subscription, s.type, s.url, e.row, e.body, e.state, e.attempts, e.answer, e.due, e.at, e.done FROM events e JOIN subscriptions s ON s.id = e.subscription"

func delivery(from scanner) (d Delivery, err error) {
	var row []byte
	var due, at, done int64
	err = from.Scan(&d.N, &d.ID, &d.Subscription, &d.Type, &d.URL, &row, &d.Body, &d.State, &d.Attempts, &d.Answer, &due, &at, &done)
	copy(d.Row[:], row)
	d.Due, d.At, d.Done = fromMillis(due), fromMillis(at), fromMillis(done)
	return d, err
}

// EventFilter chooses events for Events.
type EventFilter struct {
	Tenant        string // Any for all
	Subscription  string // "" all
	State         EventState
	Failed        *bool // by whether the last attempt failed
	Limit, Offset int
}

// Events lists the events of the tenant, newest first.
func (s *Store) Events(ctx context.Context, f EventFilter) ([]Delivery, error) {
	query, args := "SELECT "+deliveryColumns+" WHERE (s.tenant = ? OR ? = '*')", []any{f.Tenant, f.Tenant}
	if f.Subscription != "" {
		query, args = query+" AND e.subscription = ?", append(args, f.Subscription)
	}
	if f.State != "" {
		query, args = query+" AND e.state = ?", append(args, string(f.State))
	}
	if f.Failed != nil && *f.Failed {
		query += " AND e.attempts > 0 AND e.state <> 'delivered'"
	} else if f.Failed != nil {
		query += " AND e.state = 'delivered'"
	}
	if f.Limit <= 0 {
		f.Limit = pageSize
	}
	rows, err := s.db.QueryContext(ctx, query+" ORDER BY e.n DESC LIMIT ? OFFSET ?", append(args, min(f.Limit, maxPage), max(f.Offset, 0))...)
	list, err := all(rows, err, delivery)
	return list, s.fail(err)
}
