package main

import (
	"fmt"
	"slices"

	"coldsign/offline/internal/desk"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/review"
	"coldsign/shared/fault"
)

// atDesk lets a person review on the whole screen, and refuse single requests with a
// reason. Stopping decides nothing.
func (s *session) atDesk(batch *review.Batch) error {
	for first := true; ; first = false {
		memory.Collect() // a person may take an hour
		c := s.deskContent(batch)
		if !first {
			c.Lead = slices.Insert(c.Lead, 0, "LOOK AGAIN: without what you refused, more fits within the limits")
		}
		o, err := desk.Play(desk.New(c), s.con.In, s.con.Err, s.con.Fresh)
		if err != nil {
			return err
		}
		if !o.Approved {
			return fault.New("approve.stopped", "nothing was signed and nothing was written", "not approved")
		}
		// Every line was on the screen.
		if _, err := s.record(journal.Entry{Kind: journal.Seen, Data: batch.Shown()}); err != nil {
			return err
		}
		for i, why := range o.Refused {
			batch.Items[i].RefuseFor(why)
		}
		r, err := s.reviewer()
		if err != nil || len(o.Refused) == 0 {
			return err
		}
		more, undo := r.Again(batch)
		if len(more) == 0 || slices.ContainsFunc(more, func(i int) bool { return len(batch.Items[i].Verdict.Needs) > 0 }) {
			undo() // what others must approve stays as they saw it
			return nil
		}
	}
}

func (s *session) deskContent(batch *review.Batch) desk.Content {
	c := desk.Content{
		Title:  fmt.Sprintf("BATCH %d from the online half, %d requests", batch.Header.Sequence, len(batch.Items)),
		Digest: review.Words(batch.Digest),
	}
	if batch.From != "" {
		c.Title = fmt.Sprintf("FROM ANOTHER WALLET, %d requests: nobody vouches for who asks", len(batch.Items))
		c.Lead = append(c.Lead, "!! FROM ANOTHER WALLET ("+batch.From+"): compare every line with that wallet's screen")
	}
	c.Title = s.practice() + c.Title
	c.Lead = append(append(s.lead(batch), c.Lead...), batch.Overview()...)
	for i := range batch.Items {
		it := &batch.Items[i]
		// The whole of it stands in the list: what is signed was on the screen.
		text := batch.Text(i)
		c.Items = append(c.Items, desk.Item{Lines: text, Text: text, Fixed: it.Final() || it.No(), Signed: it.Verdict.Allow})
	}
	return c
}
